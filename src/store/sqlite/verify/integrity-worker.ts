// The thread in which SQLite checks its own structures: one long call, which would hold the server
// up if it were made in the server's own thread.
import type { Database } from "bun:sqlite";
import { openForReading } from "../connection.ts";

declare const self: Worker;

/** What is wrong, a text each; or why that cannot be found out. */
export type FromIntegrity =
  | { readonly problems: string[] }
  | { readonly failed: { readonly message: string; readonly code?: string } };

self.onmessage = ({ data: database }: MessageEvent<string>) => postMessage(check(database));

function check(database: string): FromIntegrity {
  const problems: string[] = [];
  let db: Database | undefined;
  try {
    db = openForReading(database);
    for (const row of db.query("PRAGMA integrity_check").iterate()) {
      problems.push(...(row as { integrity_check: string }).integrity_check.split("\n"));
    }
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    // The problems found before the error say more than the error.
    if (problems.length === 0) return { failed: { message, ...(code && { code }) } };
  } finally {
    db?.close();
  }
  return { problems: problems.filter((text) => text !== "ok" && !text.startsWith("***")) };
}
