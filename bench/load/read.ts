import { Connection, countLines, encodeRequest } from "../http.ts";
import { median } from "../statistics.ts";

export interface ReadResult {
  /** Lines and bytes of one read. */
  lines: number;
  bytes: number;
  /** The median time of a read, from request to last byte. */
  seconds: number;
}

/** Reads one path again and again, and counts what comes. */
export async function read(job: {
  unix: string;
  path: string;
  times: number;
  warmUp: number;
}): Promise<ReadResult> {
  const connection = await Connection.open(job.unix);
  const request = encodeRequest("GET", job.path);
  const result = await repeat(job, async (count) => await connection.request(request, count));
  connection.close();
  return result;
}

/** The same count over the output of a command. */
export function pipe(job: {
  command: string[];
  times: number;
  warmUp: number;
}): Promise<ReadResult> {
  return repeat(job, async (count) => {
    const child = Bun.spawn(job.command, { stdio: ["ignore", "pipe", "inherit"] });
    for await (const bytes of child.stdout) count(bytes);
    if ((await child.exited) !== 0) throw new Error(`${job.command[0]} failed`);
  });
}

async function repeat(
  { times, warmUp }: { times: number; warmUp: number },
  once: (count: (bytes: Uint8Array) => void) => Promise<void>,
): Promise<ReadResult> {
  const seconds: number[] = [];
  let lines = 0;
  let size = 0;
  for (let round = 0; round < warmUp + times; round++) {
    lines = 0;
    size = 0;
    const started = performance.now();
    await once((bytes) => {
      lines += countLines(bytes);
      size += bytes.length;
    });
    if (round >= warmUp) seconds.push((performance.now() - started) / 1000);
  }
  return { lines, bytes: size, seconds: median(seconds) };
}
