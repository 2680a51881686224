// The thread that moves staged content into files, so that the server's own thread never waits for
// the disk there. It reads the database; what is flushed is deleted from it by the main thread.
import type { Database } from "bun:sqlite";
import { openForReading } from "../connection.ts";
import { ContentFiles } from "./cacache-files.ts";
import { type Flushed, type FlushRange, flushNext } from "./flush.ts";

declare const self: Worker;

/** A message to the worker: first where the store is, then the rows to flush. */
export type ToFlusher = { database: string; root: string } | FlushRange;
/** An answer of the worker. */
export type FromFlusher = Flushed | { failed: { message: string; code?: string } };

let where: { database: string; root: string } | undefined;
let db: Database | undefined;
let files: ContentFiles | undefined;

self.onmessage = async ({ data }: MessageEvent<ToFlusher>) => {
  if ("database" in data) {
    where = data;
    return;
  }
  if (!where) return;
  try {
    // Opened only now: a failure reaches the caller this way, and the next attempt may succeed.
    db ??= openForReading(where.database);
    files ??= new ContentFiles(where.root);
    postMessage(await flushNext(db, files, data));
  } catch (error) {
    const { message, code } = error as { message: string; code?: string };
    postMessage({ failed: { message, ...(code && { code }) } } satisfies FromFlusher);
  }
};
