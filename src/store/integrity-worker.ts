// The thread in which SQLite checks its own structures: one long call, which would hold the server
// up if it were made in the server's own thread.
import { Database } from "bun:sqlite";

declare const self: Worker;

self.onmessage = ({ data: database }: MessageEvent<string>) => {
  try {
    const db = new Database(database, { readonly: true });
    const rows = db.query("PRAGMA integrity_check").all() as { integrity_check: string }[];
    postMessage(rows.map((row) => row.integrity_check).filter((text) => text !== "ok"));
  } catch (error) {
    postMessage([(error as Error).message]);
  }
};
