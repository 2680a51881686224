import type { Database } from "bun:sqlite";
import { hashOf } from "../../../core/hash.ts";
import type { ContentFiles } from "./cacache-files.ts";

/** Staged contents that are moved at a time: they share one sync. */
const BATCH_ROWS = 1000;
const BATCH_BYTES = 8 * 1024 * 1024;

/** What was flushed of the staged contents. */
export interface Flushed {
  /** The rows that are in files now. */
  readonly flushed: readonly { seq: number; hash: string }[];
  /** The last row that was looked at. */
  readonly last: number;
  /** There was nothing after it. */
  readonly done: boolean;
}

/** Which rows are to be flushed: those after one, up to another. */
export interface FlushRange {
  readonly after: number;
  readonly upTo: number;
}

/** Puts the next staged contents of a range into files. It keeps its thread busy. */
export async function flushNext(
  db: Database,
  files: ContentFiles,
  { after, upTo }: FlushRange,
): Promise<Flushed> {
  const rows = db
    .query(
      `SELECT seq, hash, bytes FROM (
        SELECT seq, hash, bytes, sum(length(bytes)) OVER (ORDER BY seq) AS total FROM (
          SELECT seq, hash, bytes FROM staged WHERE seq > ? AND seq <= ? AND uses > 0
          ORDER BY seq LIMIT ${BATCH_ROWS}
        )
      ) WHERE total - length(bytes) < ${BATCH_BYTES}`,
    )
    .all(after, upTo) as { seq: number; hash: string; bytes: Uint8Array }[];
  // Damaged content stays where it is: it must not get the name of what it was.
  const sound = rows.filter(({ hash, bytes }) => hashOf(bytes) === hash);
  await files.putAll(sound);
  return {
    flushed: sound.map(({ seq, hash }) => ({ seq, hash })),
    last: rows.at(-1)?.seq ?? after,
    done: rows.length === 0,
  };
}
