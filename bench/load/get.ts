import { Connection, encodeRequest } from "../http.ts";
import { topicOf } from "./fill.ts";
import { hammer, type PostJob, type PostResult } from "./post.ts";

type GetJob = Pick<PostJob, "unix" | "clients" | "count" | "warmUp">;

/** Asks for the newest frame of one topic after the other. */
export async function getLast(job: GetJob & { topics: number }): Promise<PostResult> {
  return await askFor(job, (n) => `/last/${topicOf(n % job.topics)}`);
}

/** Asks for frames by their ids, which it takes at random from the whole log. */
export async function getFrames(job: GetJob): Promise<PostResult> {
  const ids = await readIds(job.unix);
  return await askFor(job, () => `/${ids[Math.floor(Math.random() * ids.length)]}`);
}

async function askFor(job: GetJob, path: (n: number) => string): Promise<PostResult> {
  const requests = Array.from({ length: job.count }, (_, n) => encodeRequest("GET", path(n)));
  let n = 0;
  const next = () => requests[n++ % requests.length] as Buffer;
  return await hammer(job, next, next);
}

async function readIds(unix: string): Promise<string[]> {
  const connection = await Connection.open(unix);
  const pieces: Buffer[] = [];
  // The socket may use its buffer again, so each piece is copied.
  await connection.request(encodeRequest("GET", "/"), (bytes) => pieces.push(Buffer.from(bytes)));
  connection.close();
  const text = Buffer.concat(pieces).toString("latin1");
  return Array.from(text.matchAll(/"id":"([0-9a-z]{25})"/g), ([, id = ""]) => id);
}
