import { Connection, encodeRequest } from "../http.ts";

/** Frames in each batch; the store takes no larger one. */
export const FILL_BATCH = 10_000;

export interface FillResult {
  perSecond: number;
  /** Frames a second in the last tenth of the batches, as a share of those in the first tenth. */
  lastToFirst: number;
}

/**
 * Appends frames in batches, one after the other. Only the requests count: making the lines of the next
 * batch takes none of the time.
 */
export async function fill(job: {
  unix: string;
  /** A multiple of {@link FILL_BATCH}. */
  frames: number;
  /** How many topics of three levels; 0 is one flat topic. */
  topics: number;
}): Promise<FillResult> {
  const connection = await Connection.open(job.unix);
  const seconds: number[] = [];
  for (let from = 0; from < job.frames; from += FILL_BATCH) {
    const request = encodeRequest("POST", "/stream", {}, encodeFrames(from, job.topics));
    const started = performance.now();
    await connection.request(request);
    seconds.push((performance.now() - started) / 1000);
  }
  connection.close();
  const tenth = Math.ceil(seconds.length / 10);
  return {
    perSecond: job.frames / sum(seconds),
    lastToFirst: sum(seconds.slice(0, tenth)) / sum(seconds.slice(-tenth)),
  };
}

function encodeFrames(from: number, topics: number): Buffer {
  const lines = Array.from({ length: FILL_BATCH }, (_, at) => {
    const n = from + at;
    return `{"topic":"${topics === 0 ? "note" : topicOf(n % topics)}","meta":{"n":${n}}}\n`;
  });
  return Buffer.from(lines.join(""));
}

/** The topic of three levels with this number. */
export function topicOf(number: number): string {
  return `t.${number}.x`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
