// The thread that copies the database of a node: one long call of SQLite, which would hold the server up if it were made
// in the server's own thread.
import { Database } from "bun:sqlite";
import { openForReading } from "../connection.ts";

declare const self: Worker;

/** What to copy, and where the copy goes. */
export interface ToCopier {
  readonly database: string;
  readonly copy: string;
}
/** Undefined when it is done. */
export type FromCopier = { readonly failed?: { message: string; code?: string } };

self.onmessage = ({ data }: MessageEvent<ToCopier>) => {
  try {
    copy(data);
    postMessage({} satisfies FromCopier);
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    postMessage({ failed: { message, ...(code && { code }) } } satisfies FromCopier);
  }
};

function copy({ database, copy }: ToCopier): void {
  const from = openForReading(database);
  try {
    from.query("VACUUM INTO ?").run(copy);
  } finally {
    from.close();
  }
  const db = new Database(copy, { readwrite: true });
  try {
    // What is of that directory alone: the copies that it has fetched, and the states of its index.
    db.run("DELETE FROM fetched");
    db.run("DELETE FROM facts WHERE key = 'search'");
  } finally {
    db.close();
  }
}
