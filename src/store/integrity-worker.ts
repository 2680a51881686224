// The thread in which SQLite checks its own structures: one long call, which would hold the server
// up if it were made in the server's own thread.
import type { Database } from "bun:sqlite";
import { openForReading } from "./connection.ts";

declare const self: Worker;

self.onmessage = ({ data: database }: MessageEvent<string>) => {
  const problems: string[] = [];
  let db: Database | undefined;
  try {
    db = openForReading(database);
    for (const row of db.query("PRAGMA integrity_check").iterate()) {
      problems.push(...(row as { integrity_check: string }).integrity_check.split("\n"));
    }
  } catch (error) {
    // What it has told before is worth more.
    if (problems.length === 0) problems.push((error as Error).message);
  } finally {
    db?.close();
  }
  postMessage(problems.filter((text) => text !== "ok" && !text.startsWith("***")));
};
