import { randomBytes } from "node:crypto";
import cacache from "cacache";

/** What is used of it here; xs itself writes its files another way. */
const { put } = cacache as unknown as {
  put(cache: string, key: string, data: Buffer, options: object): Promise<unknown>;
};

/** Fresh content straight into cacache, which does not sync it; gives puts a second. */
export async function content(job: {
  directory: string;
  count: number;
  size: number;
  parallel: number;
}): Promise<number> {
  const options = { algorithms: ["sha256"] };
  let left = job.count;
  const worker = async () => {
    while (left-- > 0) {
      await put(job.directory, `key ${left}`, randomBytes(job.size), options);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: job.parallel }, worker));
  return job.count / ((performance.now() - started) / 1000);
}
