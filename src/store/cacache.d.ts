/** What is used of cacache 20, which brings no types of its own. */
declare module "cacache" {
  const cacache: {
    put: {
      (cache: string, key: string, data: Buffer, options: object): Promise<unknown>;
      /** Emits `integrity` when all is written. */
      stream(cache: string, key: string, options: object): NodeJS.WritableStream;
    };
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
