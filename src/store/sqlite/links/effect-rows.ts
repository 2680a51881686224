import type { Database } from "bun:sqlite";
import { LINKS } from "../../../core/links.ts";
import type { Ends } from "../../read-source.ts";
import type { FrameRow } from "../log/frame-row.ts";

/** The most links of a frame that are read at once, and sorted here. */
const FEW = 16;
/** The rows of a page where there are more. */
const PAGE_ROWS = 128;

type Statement = ReturnType<Database["query"]>;

/** A frame that names another, as the tables have it. */
export interface EffectRow extends FrameRow {
  readonly expires: number | null;
  /** Whether some frame may name this one. */
  readonly isNamed: number;
}

/** Reads the frames that name one: those that arrived in order, then late ones in the order of their arrival. */
export class EffectRows {
  readonly #few: Statement;
  readonly #row: Statement;
  readonly #lateRow: Statement;
  readonly #inOrder: Statement;
  readonly #late: Statement;

  /** @param hasMemory some links are in memory alone */
  constructor(db: Database, hasMemory: boolean) {
    const tables = hasMemory ? ["main.links", "temp.more_links"] : ["main.links"];
    const links = tables.map((table) => `SELECT seq FROM ${table} WHERE id = ?1`);
    this.#few = db.query(`${links.join(" UNION ALL ")} LIMIT ${FEW + 1}`);
    const row = (table: string) => `SELECT ${columns(table, tables)} FROM ${table} WHERE seq = ?`;
    this.#row = db.query(row("frames"));
    this.#lateRow = db.query(row("late"));
    this.#inOrder = db.query(merged("frames", "asc", tables));
    this.#late = db.query(merged("late", "desc", tables));
  }

  /** Yields pages of rows; one may be empty. A link may name a row that is gone. @param ends how far to look */
  *of(id: string, ends: Ends): Generator<readonly EffectRow[]> {
    const found = (this.#few.all(id) as { seq: number }[]).map(({ seq }) => seq);
    if (found.length <= FEW) {
      const inOrder = found.filter((seq) => seq > 0 && seq <= ends.seq).sort((a, b) => a - b);
      const late = found.filter((seq) => seq < 0 && seq >= ends.late).sort((a, b) => b - a);
      yield [...inOrder, ...late].flatMap((seq, at, all) => {
        if (seq === all[at - 1]) return [];
        return ((seq > 0 ? this.#row : this.#lateRow).get(seq) as EffectRow | null) ?? [];
      });
      return;
    }
    yield* pages((after) => this.#inOrder.all(id, after, ends.seq));
    if (ends.late < 0) yield* pages((after) => this.#late.all(id, ends.late, after));
  }
}

function* pages(read: (after: number) => unknown[]): Generator<readonly EffectRow[]> {
  for (let after = 0; ; ) {
    const rows = read(after) as (EffectRow & { readonly found: number })[];
    yield rows.filter(({ seq }) => seq !== null);
    const last = rows.at(-1);
    if (!last || rows.length < PAGE_ROWS) return;
    after = last.found;
  }
}

function columns(table: string, links: readonly string[]): string {
  const id = `substr(line, instr(line, '","id":"') + 8, 25)`;
  const named = links.map((table) => `EXISTS (SELECT 1 FROM ${table} WHERE id = ${id})`);
  return `${table}.seq AS seq, crc, line, expires, ${named.join(" OR ")} AS isNamed`;
}

/** A statement that takes an id and two bounds of `seq`, of which the one where a page begins is exclusive. */
function merged(table: string, direction: "asc" | "desc", links: readonly string[]): string {
  const range = direction === "asc" ? "seq > ?2 AND seq <= ?3" : "seq >= ?2 AND seq < ?3";
  // Each part is in the order of its key, so SQLite merges them as it goes.
  const parts = links.flatMap((table) =>
    Object.values(LINKS).map(
      (kind) => `SELECT seq FROM ${table} WHERE id = ?1 AND kind = ${kind} AND ${range}`,
    ),
  );
  return `
    SELECT linked.seq AS found, ${columns(table, links)}
    FROM (${parts.join(" UNION ")} ORDER BY seq ${direction} LIMIT ${PAGE_ROWS}) AS linked
    LEFT JOIN ${table} ON ${table}.seq = linked.seq
    ORDER BY linked.seq ${direction}`;
}
