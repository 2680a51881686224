/** What is used of cacache 20, which brings no types of its own. */
declare module "cacache" {
  const cacache: {
    get: {
      info(cache: string, key: string): Promise<{ integrity: string } | null>;
    };
    rm: {
      entry(cache: string, key: string, options: { removeFully: boolean }): Promise<unknown>;
    };
  };
  export default cacache;
}
