import type { Database } from "bun:sqlite";
import { nextTurn } from "../../../lib/next-turn.ts";
import { checkedRow, type KvRow } from "../kv/entry-row.ts";
import { checkedLine, type FrameRow } from "../log/frame-row.ts";

const FRAMES_A_PAGE = 200;
const ENTRIES_A_PAGE = 20;

/**
 * Reads everything that may refer to content, the lines of the log and the values of the key/value store, one page in
 * each turn of the event loop. Frames that are written meanwhile are left out: a scan that included those would chase
 * a fast writer. Rejects at a damaged row, whose references are unknown.
 *
 * @param guard runs a read, and throws its failure as an XsError
 * @param note called with each text
 * @throws XsError `frame_damaged`, `value_damaged`
 */
export async function scanReferences(
  db: Database,
  guard: <T>(run: () => T) => T,
  note: (text: string | Uint8Array) => void,
): Promise<void> {
  for (const table of ["frames", "late"]) {
    const ends = guard(() =>
      db.query(`SELECT min(seq) AS first, max(seq) AS last FROM ${table}`).get(),
    ) as { first: number | null; last: number | null };
    const frames = db.query(
      `SELECT seq, crc, line FROM ${table} WHERE seq >= ? AND seq <= ? ORDER BY seq LIMIT ${FRAMES_A_PAGE}`,
    );
    for (let from = ends.first ?? 0; ; await nextTurn()) {
      const rows = guard(() => frames.all(from, ends.last)) as FrameRow[];
      for (const row of rows) note(checkedLine(row));
      const last = rows.at(-1);
      if (!last) break;
      from = last.seq + 1;
    }
  }
  const entries = db.query(
    `SELECT key, rev, type, crc, writer, value FROM kv
      WHERE key > ? AND value IS NOT NULL ORDER BY key LIMIT ${ENTRIES_A_PAGE}`,
  );
  for (let key = ""; ; await nextTurn()) {
    const rows = guard(() => entries.all(key)) as KvRow[];
    for (const row of rows) note(checkedRow(row).value ?? "");
    const last = rows.at(-1);
    if (!last) return;
    key = last.key;
  }
}
