// The thread that rewrites the database of a node, so that nothing of what was removed is left in its file or its log.
import { Database } from "bun:sqlite";

declare const self: Worker;

/** How long to wait for others that use the database, in ms. */
const BUSY_MS = 60_000;

/** Undefined when it is done. */
export type FromScrubber = { readonly failed?: { message: string; code?: string } };

self.onmessage = ({ data: path }: MessageEvent<string>) => {
  let db: Database | undefined;
  try {
    db = new Database(path, { readwrite: true });
    db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    db.run("VACUUM");
    // What was in the log is still there until the log is cut off.
    const { busy } = db.query("PRAGMA wal_checkpoint(TRUNCATE)").get() as { busy: number };
    if (busy) throw new Error("somebody reads the database for a long time: try again later");
    postMessage({} satisfies FromScrubber);
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    postMessage({ failed: { message, ...(code && { code }) } } satisfies FromScrubber);
  } finally {
    db?.close();
  }
};
