import { Database } from "bun:sqlite";
import { idInLine } from "../../../src/core/frame.ts";
import { hex, row, sorted } from "./plain-store.ts";

interface FrameRow {
  name: string;
  ms: number;
  expires: number | null;
  line: string;
  position?: string;
}

/** The tables of a directory, read by a connection of their own: what a node has of the store. */
export class Projection {
  readonly #db: Database;

  /** @param path of the database */
  constructor(path: string) {
    this.#db = new Database(path, { readonly: true });
  }

  /** What it has, at which record, and its chain. */
  dump(): { readonly applied: number; readonly newest: string; readonly lines: string[] } {
    const all = <T>(sql: string) => this.#db.query(sql).all() as T[];
    // Of one moment.
    return this.#db.transaction(() => {
      const [fact] = all<{ value: string }>("SELECT value FROM facts WHERE key = 'replica'");
      const { applied, newest, leader, nodes } = JSON.parse(fact?.value ?? "{}");
      const lines = sorted([
        ...all<FrameRow>(
          "SELECT name, ms, expires, line FROM frames JOIN topics USING (topic) ORDER BY seq",
        ).map(frameRow),
        ...all<FrameRow>(
          "SELECT name, ms, expires, line, position FROM late JOIN topics USING (topic)",
        ).map(frameRow),
        ...all<{ id: string; ms: number }>("SELECT id, ms FROM tombstones").map(({ id, ms }) =>
          row("tombstone", id, ms),
        ),
        ...all<{
          key: string;
          rev: string;
          type: string;
          writer: string | null;
          value: Uint8Array | null;
        }>("SELECT key, rev, type, writer, value FROM kv").map(
          ({ key, rev, type, writer, value }) =>
            row("entry", key, rev, type, writer, value && hex(value)),
        ),
        ...all<{ key: string; expires: number; request: string; frames: string }>(
          "SELECT key, expires, request, frames FROM answers",
        ).map(({ key, expires, request, frames }) => row("answer", key, expires, request, frames)),
        ...all<{ id: string }>("SELECT id FROM growing").map(({ id }) => row("growing", id)),
        ...all<{ hash: string; size: number; name: string }>(
          "SELECT hash, size, name FROM blobs",
        ).map(({ hash, size, name }) => row("blob", hash, size, name)),
        row("leader", leader ?? null),
        row("nodes", nodes),
      ]);
      return { applied, newest, lines };
    })();
  }

  close(): void {
    this.#db.close();
  }
}

function frameRow({ name, ms, expires, line, position }: FrameRow): string {
  return row("frame", idInLine(line), name, ms, expires, line, position ?? null);
}
