import type { Database } from "bun:sqlite";
import { idInLine, lastIdIn, linesIn, pageOf } from "../../../core/frame.ts";
import type { IdBounds } from "../../../core/id-bounds.ts";
import { later, type Place, placeOf } from "../../../core/place.ts";
import type { Cursor, Ends, Page, PageQuery } from "../../read-source.ts";
import { damagedFrame, isSound } from "./frame-row.ts";
import { END, type FrameSearch } from "./frame-search.ts";
import { LateRows } from "./late-rows.ts";
import { type JoinedRow, soundLines } from "./page-lines.ts";
import { type Direction, joined, type Way } from "./page-sql.ts";
import type { Selection, Selector } from "./selection.ts";

/** Rows of the log that one page looks at, at most, to find the few that it wants. */
const MAX_SCANNED = 20_000;
/** Where the wanted topics have more than one in so many of the frames, the log is read and filtered. */
const SCAN_RATIO = 4;
/** The least size of a window, in rows of the log, and how much larger the next is where one had no row. */
const LEAST_WINDOW = 1000;
const GROWTH = 8;

/** A part of `frames`, between two `seq`, both exclusive. */
interface Range {
  readonly above: number;
  readonly below: number;
}

/** The parts of the store that pages need. */
export interface PageHost {
  readonly search: FrameSearch;
  readonly selector: Selector;
  /** The time that decides what has expired, in ms. */
  now(): number;
  /** How far readers may see; undefined where all is durable. */
  visible(): Ends | undefined;
}

const EVERYTHING: Ends = { seq: END - 1, late: -END };

/** Slices of the log, in the order of ids or of arrival, every line checked. */
export class Pages {
  readonly #db: Database;
  readonly #host: PageHost;
  readonly #late: LateRows;
  readonly #statements = new Map<string, ReturnType<Database["query"]>>();
  /** The last page of the whole log had gaps between its `seq`, so the next is read with them. */
  #hasGaps = false;

  constructor(db: Database, host: PageHost) {
    this.#db = db;
    this.#host = host;
    this.#late = new LateRows(db, () => host.now());
  }

  /**
   * A slice of what is durable. It ends before a damaged frame, and fails where that would be its first.
   *
   * @throws XsError `frame_damaged`
   */
  page(query: PageQuery): Page {
    const ends = query.ends ?? (query.evenBeyondHorizon ? EVERYTHING : this.ends());
    const selection = this.#host.selector.select(query.topics);
    const { hasLate } = this.#host.search;
    if (query.order === "arrival" && hasLate) return this.#byArrival(query, selection, ends);
    const page = this.#fromFrames(query, selection, this.#rangeOf(query, ends));
    return hasLate ? this.#withLate(query, selection, ends, page) : page;
  }

  /** The line of a frame; undefined where there is none. @throws XsError `frame_damaged` */
  line(id: string): string | undefined {
    const row = this.#host.search.find(id);
    if (!row || (row.expires !== null && row.expires <= this.#host.now())) return undefined;
    if (!isSound(row)) throw damagedFrame(id);
    return row.line;
  }

  /** How far readers may see now. */
  ends(): Ends {
    return this.#host.visible() ?? this.#host.search.ends;
  }

  /** The place, in the order of arrival, after everything that readers may see now. */
  end(): Cursor {
    const { seq, late } = this.ends();
    const newest = this.#host.search.idUpTo(seq);
    return { id: later(newest, this.#late.newestPosition(late)), seq };
  }

  /** The place of the late frame that arrived last. */
  newestLate(topics: readonly string[] | undefined): Place | undefined {
    const row = this.#late.newest(this.#host.selector.select(topics), this.ends().late);
    return row && placeOf(row.id, row.position);
  }

  /** The place of a frame in the order of arrival: of one that is gone, where its id would be. */
  placeOf(id: string): Cursor {
    const position = this.#host.search.hasLate ? this.#late.positionOf(id) : undefined;
    return position === undefined ? { id } : { id, position };
  }

  /** The place below which none of the newest `count` frames is; undefined where there are no more than that. */
  boundOfLast(count: number, query: PageQuery): Cursor | undefined {
    let cursor: Cursor | undefined;
    for (let left = count; ; ) {
      const rows = Math.min(left + 1, 2000);
      const page = this.page({ ...query, order: "desc", after: cursor, rows });
      cursor = page.cursor;
      left -= page.rows;
      if (left < 0) return { id: cursor?.id ?? "" };
      if (!page.more) return undefined;
    }
  }

  /** The part of `frames` that a page reads, in the order of ids or, without late frames, of arrival. */
  #rangeOf({ order, after, bounds }: PageQuery, { seq: end }: Ends): Range {
    return this.#bounded(this.#rangeAfter(order, after, end), bounds);
  }

  #rangeAfter(order: PageQuery["order"], after: Cursor | undefined, end: number): Range {
    const { search } = this.#host;
    if (!after) return { above: 0, below: end + 1 };
    if (order === "desc") {
      return { above: 0, below: Math.min(after.seq ?? search.firstNotBelow(after.id), end + 1) };
    }
    return { above: after.seq ?? search.lastUpTo(after.id), below: end + 1 };
  }

  /** The part of a range that has the ids between bounds, and the damaged rows that may have them. */
  #bounded(range: Range, bounds: IdBounds | undefined): Range {
    if (!bounds) return range;
    const { search } = this.#host;
    const { from, below } = bounds;
    return {
      above: Math.max(range.above, from === undefined ? 0 : search.firstFrom(from) - 1),
      below: Math.min(range.below, below === undefined ? END : search.firstNotBelow(below)),
    };
  }

  #fromFrames(query: PageQuery, selection: Selection, range: Range): Page {
    const direction = query.order === "desc" ? "desc" : "asc";
    if (selection.kind === "all") return this.#read("all", direction, range, query);
    if (selection.kind === "chunks") {
      return this.#read("chunks", direction, range, query, selection.of);
    }
    if (selection.kind === "except") {
      return this.#filtered("except", query, JSON.stringify(selection.topics), range);
    }
    const { topics, frames } = selection;
    const [topic] = topics;
    if (topic === undefined) return this.#passed(direction, range, query);
    if (topics.length === 1) return this.#read("topic", direction, range, query, topic);
    const length = this.#host.search.ends.seq;
    const wanted = JSON.stringify(topics);
    if (frames * SCAN_RATIO > length) {
      return this.#filtered("filter", query, wanted, range);
    }
    let size = Math.max(LEAST_WINDOW, (2 * query.rows * length) / Math.max(frames, 1));
    for (;;) {
      const part = windowOf(range, direction, Math.ceil(size));
      // To look for each topic costs more than to read so few rows.
      const way = part.below - part.above <= topics.length ? "filter" : "merge";
      const page = this.#read(way, direction, part, query, wanted);
      const isLast = part.above === range.above && part.below === range.below;
      if (page.rows > 0 || isLast) return this.#continued(page, part, range, query);
      size *= GROWTH;
    }
  }

  /** A page of a window of the log, whose rows are compared with a list of topics. */
  #filtered(way: "filter" | "except", query: PageQuery, topics: string, range: Range): Page {
    const direction = query.order === "desc" ? "desc" : "asc";
    const part = windowOf(range, direction, MAX_SCANNED);
    return this.#continued(this.#read(way, direction, part, query, topics), part, range, query);
  }

  /** The page of a window, which more windows may follow. */
  #continued(page: Page, part: Range, range: Range, { order, after }: PageQuery): Page {
    if (page.more || (part.above === range.above && part.below === range.below)) return page;
    const cursor =
      order === "desc" ? this.#at(part.above + 1) : this.#beyond(part.below - 1, after);
    return { ...page, more: true, cursor };
  }

  #at(seq: number): Cursor {
    return { id: this.#host.search.idUpTo(seq), seq };
  }

  /**
   * A place, in a rising order, up to which nothing more was found. It is not before the one that the page began after:
   * the newest row up to `seq` may be, where rows are gone, and the late frames since that row would come again.
   */
  #beyond(seq: number, after: Cursor | undefined): Cursor {
    const place = this.#at(seq);
    return after && place.id <= (after.position ?? after.id) ? { ...after, seq } : place;
  }

  #passed(direction: Direction, range: Range, { after }: PageQuery): Page {
    const cursor = direction === "asc" ? this.#beyond(range.below - 1, after) : after;
    return { rows: 0, bytes: new Uint8Array(), more: false, cursor };
  }

  #read(
    way: Way,
    direction: Direction,
    range: Range,
    query: PageQuery,
    wanted?: string | number,
  ): Page {
    const values: (string | number)[] = [
      range.above + 1,
      range.below - 1,
      this.#host.now(),
      query.rows,
    ];
    if (wanted !== undefined) values.push(wanted);
    const row = this.#join(way, direction, values);
    if (row.rows === 0) return this.#passed(direction, range, query);
    const { rows, bytes, seq } = soundLines(row, direction);
    if (rows === 0) throw this.#damagedAt(row.first ?? 0);
    const more = rows < row.rows || row.rows === query.rows;
    return { rows, bytes, cursor: { id: lastIdIn(bytes), seq }, more };
  }

  #join(way: Way, direction: Direction, values: readonly (string | number)[]): JoinedRow {
    const withSeqs = way !== "all" || this.#hasGaps;
    const key = `${way} ${direction} ${withSeqs}`;
    let statement = this.#statements.get(key);
    if (!statement) {
      statement = this.#db.query(joined(way, direction, withSeqs));
      this.#statements.set(key, statement);
    }
    const row = statement.get(...values) as JoinedRow;
    if (way !== "all") return row;
    const distance = Math.abs((row.last ?? 0) - (row.first ?? 0)) + 1;
    const wasWithout = !this.#hasGaps;
    this.#hasGaps = row.rows > 0 && distance !== row.rows;
    return this.#hasGaps && wasWithout ? this.#join(way, direction, values) : row;
  }

  /** Merges the late frames into a page in the order of ids. */
  #withLate(query: PageQuery, selection: Selection, ends: Ends, page: Page): Page {
    const { order, after, bounds, rows } = query;
    const direction = order === "desc" ? "desc" : "asc";
    const until = page.more ? page.cursor?.id : undefined;
    const late = this.#late.byId(
      selection,
      direction,
      { after: after?.id, until, ...bounds },
      ends.late,
      rows,
    );
    if (late.rows.length === 0) return page;
    const lines = page.rows > 0 ? linesIn(page.bytes) : [];
    const comesFirst = (one: string, other: string) =>
      direction === "asc" ? one < other : one > other;
    const merged: string[] = [];
    let [own, other] = [0, 0];
    while (merged.length < rows && (own < lines.length || other < late.rows.length)) {
      const line = lines[own];
      const row = late.rows[other];
      if (row && (line === undefined || comesFirst(row.id, idInLine(line)))) {
        merged.push(row.line);
        other++;
      } else {
        merged.push(line as string);
        own++;
      }
    }
    const more = page.more || late.more || own < lines.length || other < late.rows.length;
    return {
      rows: merged.length,
      bytes: pageOf(merged),
      cursor: { id: idInLine(merged.at(-1) as string) },
      more,
    };
  }

  /** A page of frames of one position: of `frames` up to the next late ones, or of these. */
  #byArrival(query: PageQuery, selection: Selection, ends: Ends): Page {
    const { search } = this.#host;
    const { after, bounds, rows } = query;
    const place = { position: after?.position ?? after?.id ?? "", id: after?.id ?? "" };
    const above =
      after?.seq ??
      (after?.position === undefined
        ? search.lastUpTo(place.id)
        : search.firstFrom(after.position) - 1);
    const late = this.#late.byArrival(selection, place, bounds, ends.late, rows);
    const position = late?.position;
    const below =
      position === undefined ? ends.seq + 1 : Math.min(search.firstFrom(position), ends.seq + 1);
    const range = this.#bounded({ above, below }, bounds);
    const page = this.#fromFrames({ ...query, order: "asc" }, selection, range);
    if (!late || page.rows > 0 || page.more)
      return { ...page, more: page.more || late !== undefined };
    const lines = late.rows.map(({ line }) => line);
    const cursor = { id: late.rows.at(-1)?.id ?? "", position: late.position, seq: below - 1 };
    return {
      rows: lines.length,
      bytes: pageOf(lines),
      cursor,
      position: late.position,
      more: true,
    };
  }

  #damagedAt(seq: number): Error {
    const row = this.#host.search.row(seq);
    return damagedFrame(row ? this.#host.search.nameOf(row) : "");
  }
}

/** The first rows of a range, in its direction. */
function windowOf({ above, below }: Range, direction: Direction, size: number): Range {
  return direction === "asc"
    ? { above, below: Math.min(below, above + size + 1) }
    : { above: Math.max(above, below - size - 1), below };
}
