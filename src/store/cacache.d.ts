/** What is used of cacache 20, which brings no types of its own. */
declare module "cacache" {
  const cacache: {
    rm: {
      entry(cache: string, key: string, options: { removeFully: boolean }): Promise<unknown>;
      content(cache: string, hash: string): Promise<unknown>;
    };
    index: {
      insert(cache: string, key: string, hash: string, options: { size: number }): Promise<unknown>;
    };
  };
  export default cacache;
}
