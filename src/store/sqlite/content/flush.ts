import type { Database } from "bun:sqlite";
import { hashOf } from "../../../core/hash.ts";
import type { ContentFiles } from "./cacache-files.ts";

/** The most staged contents, and their bytes, in one batch. The contents of a batch share one sync. */
const BATCH_ROWS = 1000;
const BATCH_BYTES = 8 * 1024 * 1024;

/** The outcome of a flush. */
export interface Flushed {
  /** The rows whose content is in files now. */
  readonly flushed: readonly { seq: number; hash: string }[];
  /** The last row that the flush looked at. */
  readonly last: number;
  /** Whether no row of the range follows. */
  readonly done: boolean;
}

/** The rows to flush: those after one row, up to another. */
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
