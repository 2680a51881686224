import type { Database } from "bun:sqlite";
import type { IdBounds } from "../../../core/id-bounds.ts";
import { LINKS } from "../../../core/links.ts";
import { damagedFrame, type FrameRow, isSound } from "./frame-row.ts";
import type { Direction } from "./page-sql.ts";
import type { Selection } from "./selection.ts";

/** Of up to this many topics each is read by its own index; of more, all late frames are read and filtered. */
const MAX_SINGLE_TOPICS = 50;
/** Of up to this many late frames between bounds, a page in the order of arrival sorts those that it may take. */
const MAX_SORTED = 10_000;

/** A text above every id. */
const HIGHEST = "~";

/** A frame that arrived late. */
export interface LateRow extends FrameRow {
  readonly id: string;
  readonly position: string;
}

/** Late frames in an order, every line checked, and whether more of them may follow. */
interface LatePage {
  readonly rows: readonly LateRow[];
  readonly more: boolean;
}

const COLUMNS = "late.seq AS seq, late.id AS id, position, crc, line";

/** Reads the late frames, in the order of ids or of arrival. */
export class LateRows {
  readonly #db: Database;
  readonly #now: () => number;

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  /** The position of a late frame; undefined where none has this id. */
  positionOf(id: string): string | undefined {
    const row = this.#db.query("SELECT position FROM late WHERE id = ?").get(id);
    return (row as { position: string } | null)?.position;
  }

  /** The newest position. @param end the last `seq` to look at, which is the lowest */
  newestPosition(end: number): string | undefined {
    const row = this.#db
      .query("SELECT position FROM late WHERE seq >= ? ORDER BY position DESC LIMIT 1")
      .get(end);
    return (row as { position: string } | null)?.position;
  }

  /**
   * Late frames in the order of ids.
   *
   * @param bounds ids: in this direction after `after` and up to `until`, and between the others
   * @throws XsError `frame_damaged`
   */
  byId(
    selection: Selection,
    direction: Direction,
    bounds: IdBounds & { after?: string | undefined; until?: string | undefined },
    end: number,
    most: number,
  ): LatePage {
    const { after, until } = bounds;
    // A longer text is right above the id that it begins with. SQLite takes one bound of each side to an index.
    const [low, high] =
      direction === "asc"
        ? [after === undefined ? "" : `${after} `, until === undefined ? HIGHEST : `${until} `]
        : [until ?? "", after ?? HIGHEST];
    const values = [higher(low, bounds.from), lower(high, bounds.below)];
    const where = "late.id >= ? AND late.id < ?";
    const order = `late.id ${direction}`;
    const sign = direction === "asc" ? 1 : -1;
    const compare = (one: LateRow, other: LateRow) => sign * (one.id < other.id ? -1 : 1);
    return sound(this.#rows(selection, { where, values, order, compare }, end, most), most);
  }

  /**
   * The next late frames in the order of arrival, all of one position; undefined where none follows.
   *
   * @throws XsError `frame_damaged`
   */
  byArrival(
    selection: Selection,
    after: { readonly position: string; readonly id: string },
    bounds: IdBounds | undefined,
    end: number,
    most: number,
  ): { readonly position: string; readonly rows: readonly LateRow[] } | undefined {
    const compare = (one: LateRow, other: LateRow) => (isBefore(one, other) ? -1 : 1);
    const query = { ...this.#afterPlace(after, bounds), order: "position, late.id", compare };
    const found = this.#rows(selection, query, end, most);
    const position = found[0]?.position;
    if (position === undefined) return undefined;
    const { rows } = sound(
      found.filter((row) => row.position === position),
      most,
    );
    return { position, rows };
  }

  /** The condition of rows after a place and between bounds. A plus keeps SQLite from the index that is not wanted. */
  #afterPlace(
    after: { readonly position: string; readonly id: string },
    bounds: IdBounds | undefined,
  ): { readonly where: string; readonly values: readonly string[] } {
    const place = [after.position, after.id];
    if (!bounds) return { where: "(position, late.id) > (?, ?)", values: place };
    const ids = [bounds.from ?? "", bounds.below ?? HIGHEST];
    if (this.#areFew(ids)) {
      const where = "late.id >= ? AND late.id < ? AND (+position, +late.id) > (?, ?)";
      return { where, values: [...ids, ...place] };
    }
    // The position of a late frame is above its id.
    const start = after.position < (bounds.from ?? "") ? [bounds.from ?? "", ""] : place;
    const where = "(position, late.id) > (?, ?) AND +late.id >= ? AND +late.id < ?";
    return { where, values: [...start, ...ids] };
  }

  /** Whether to sort the late frames between two ids costs less than to look for them among all. */
  #areFew(ids: readonly string[]): boolean {
    const row = this.#db
      .query("SELECT 1 FROM late WHERE id >= ? AND id < ? LIMIT 1 OFFSET ?")
      .get(...ids, MAX_SORTED);
    return row === null;
  }

  /** The one that arrived last. */
  newest(selection: Selection, end: number): LateRow | undefined {
    const compare = (one: LateRow, other: LateRow) => (isBefore(one, other) ? 1 : -1);
    const order = "position DESC, late.id DESC";
    return this.#rows(selection, { where: "true", values: [], order, compare }, end, 1)[0];
  }

  #rows(
    selection: Selection,
    query: {
      readonly where: string;
      readonly values: readonly string[];
      readonly order: string;
      compare(one: LateRow, other: LateRow): number;
    },
    end: number,
    most: number,
  ): LateRow[] {
    const visible = "(expires IS NULL OR expires > ?)";
    const select = (from: string, filter: string) =>
      this.#db.query(`SELECT ${COLUMNS} FROM ${from} WHERE ${filter}
        AND ${query.where} AND late.seq >= ? AND ${visible} ORDER BY ${query.order} LIMIT ?`);
    const rest = [...query.values, end, this.#now(), most];
    if (selection.kind === "all") return select("late", "true").all(...rest) as LateRow[];
    if (selection.kind === "chunks") {
      const links = "links CROSS JOIN late ON late.seq = links.seq";
      const filter = `links.id = ? AND kind = ${LINKS.chunk} AND links.seq < 0`;
      return select(links, filter).all(selection.of, ...rest) as LateRow[];
    }
    if (selection.kind === "except" || selection.topics.length > MAX_SINGLE_TOPICS) {
      // The plus keeps SQLite from the index by topic, whose rows it would have to sort.
      const list = selection.kind === "except" ? "NOT IN" : "IN";
      const filter = `+topic ${list} (SELECT value FROM json_each(?))`;
      return select("late", filter).all(JSON.stringify(selection.topics), ...rest) as LateRow[];
    }
    const one = select("late", "topic = ?");
    const found = selection.topics.flatMap((topic) => one.all(topic, ...rest) as LateRow[]);
    return found.sort((a, b) => query.compare(a, b)).slice(0, most);
  }
}

function higher(one: string, other: string | undefined): string {
  return other !== undefined && other > one ? other : one;
}

function lower(one: string, other: string | undefined): string {
  return other !== undefined && other < one ? other : one;
}

function isBefore(one: LateRow, other: LateRow): boolean {
  return one.position < other.position || (one.position === other.position && one.id < other.id);
}

/** The rows up to the first damaged one. @throws XsError `frame_damaged` where that is the first */
function sound(rows: readonly LateRow[], most: number): LatePage {
  const bad = rows.findIndex((row) => !isSound(row));
  if (bad === 0) throw damagedFrame(rows[0]?.id ?? "");
  if (bad > 0) return { rows: rows.slice(0, bad), more: true };
  return { rows, more: rows.length === most };
}
