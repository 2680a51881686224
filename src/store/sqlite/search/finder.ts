import type { Database } from "bun:sqlite";
import { idInLine } from "../../../core/frame.ts";
import { topicInLine } from "../../../core/index-keys.ts";
import { TopicFilter } from "../../../core/pattern.ts";
import { matchTexts } from "../../../core/search-match.ts";
import { parseSearchQuery, type SearchQuery } from "../../../core/search-query.ts";
import { expressionOf } from "./expression.ts";
import { inodeOf, openIndexToRead } from "./index-file.ts";
import type { FindRequest, FoundFrame, SearchCursor, SearchPlaces } from "./messages.ts";
import { atOnce, StoredRows } from "./stored-rows.ts";

/** Rows that the index is asked for at once: more each time, because a prefix costs it as much for few as for many. */
const LEAST_ROWS = 32;
const MOST_ROWS = 32_768;
/** A page with a hit ends after this time, in ms. */
const PAGE_MS = 200;
/** One transaction reads for about so long, in ms: to begin one for each row costs more than the row does. */
const READ_MS = 50;
/** Of more topics than this, each hit is looked at instead. */
const MAX_TOPICS = 500;

/** Where the rows of a search come from, in its order. */
interface Candidate {
  readonly seq: number;
  readonly id: string;
}

/** Rows of a search below one, the newest first. */
interface Rows {
  /** Of the search. */
  readonly key: string;
  readonly below: number;
  /** How many were asked for. */
  readonly most: number;
  readonly seqs: readonly number[];
  readonly isLast: boolean;
}

/** Finds frames by the index, and looks at each of them: the index may lag behind, or be wrong. */
export class Finder implements Disposable {
  readonly #places: SearchPlaces;
  readonly #rows: StoredRows;
  #index: { db: Database; inode: number } | undefined;
  #lastRows: Rows | undefined;
  /** The late frames that the last search found, the highest id first. */
  #late: { key: string; found: Candidate[] } | undefined;

  constructor(places: SearchPlaces) {
    this.#places = places;
    this.#rows = new StoredRows(places);
  }

  [Symbol.dispose](): void {
    this.#index?.db.close();
    this.#rows[Symbol.dispose]();
  }

  /** A page of hits. Without `next` it is the last. */
  find(request: FindRequest): { found: FoundFrame[]; next?: SearchCursor } {
    const started = performance.now();
    if (request.isFirst) {
      this.#late = undefined;
      this.#lastRows = undefined;
    }
    const query = parseSearchQuery(request.text);
    const filters = [query.topics, request.topics && new TopicFilter(request.topics)];
    const isForAll = filters.every((filter) => filter === undefined);
    const takes = (topic: string) => filters.every((filter) => filter?.takes(topic) !== false);
    const expression = isForAll ? expressionOf(query, undefined) : this.#expression(query, takes);
    const found: FoundFrame[] = [];
    if (expression === undefined) return { found };
    const index = this.#open();
    const candidates = this.#candidates(index, expression, request);
    let cursor = request.cursor;
    const lookAtSome = (): "more" | "all" | undefined => {
      const end = performance.now() + READ_MS;
      while (performance.now() < end) {
        const { value: candidate, done } = candidates.next();
        if (done) return "all";
        const { seq, id } = candidate;
        cursor = seq > 0 ? { ...cursor, seq } : { ...cursor, id };
        const hit = this.#lookAt(index, seq, query, takes);
        if (hit) found.push(hit);
        const isLong = found.length > 0 && performance.now() - started > PAGE_MS;
        if (found.length >= request.most || isLong) return "more";
      }
      return undefined;
    };
    for (;;) {
      const reached = atOnce(index, () => atOnce(this.#rows.db, lookAtSome));
      if (reached) return reached === "all" ? { found } : { found, next: cursor };
    }
  }

  #lookAt(
    index: Database,
    seq: number,
    query: SearchQuery,
    takes: (topic: string) => boolean,
  ): FoundFrame | undefined {
    const row = this.#rows.row(seq);
    const indexed = index.query("SELECT crc FROM rows WHERE seq = ?").get(seq);
    if (!row || row.crc !== (indexed as { crc: number } | null)?.crc) return undefined;
    if (!takes(topicInLine(row.line))) return undefined;
    const texts = this.#rows.texts(row);
    const snippet = texts && matchTexts(query, texts);
    return snippet && { id: idInLine(row.line), line: row.line, snippet };
  }

  /** The rows that the index names, the highest id first. */
  *#candidates(
    index: Database,
    expression: string,
    request: FindRequest,
  ): Generator<Candidate, undefined> {
    const late = this.#lateOnes(index, expression, request);
    let next = late.next();
    for (const seq of this.#own(index, expression, request)) {
      if (next.done) {
        yield { seq, id: "" };
        continue;
      }
      const row = this.#rows.row(seq);
      const id = row ? idInLine(row.line) : "";
      while (!next.done && next.value.id > id && row) {
        yield next.value;
        next = late.next();
      }
      yield { seq, id };
    }
    for (; !next.done; next = late.next()) yield next.value;
    return undefined;
  }

  *#own(
    index: Database,
    expression: string,
    { above, ends, cursor }: FindRequest,
  ): Generator<number> {
    const key = `${above} ${ends.seq} ${expression}`;
    let below = Math.min(cursor.seq, ends.seq + 1);
    for (;;) {
      const { seqs, isLast } = this.#rowsBelow(index, { below, key, expression, above });
      for (let at = firstWhere(seqs, (seq) => seq < below); at < seqs.length; at++) {
        yield seqs[at] as number;
      }
      if (isLast) return;
      below = seqs.at(-1) as number;
    }
  }

  /** The rows that were asked for last, where those below one are among them; else more. */
  #rowsBelow(
    index: Database,
    {
      below,
      key,
      expression,
      above,
    }: { below: number; key: string; expression: string; above: number },
  ): Rows {
    const known = this.#lastRows?.key === key ? this.#lastRows : undefined;
    const last = known?.seqs.at(-1) ?? 0;
    if (known && known.below >= below && (known.isLast || last < below)) return known;
    const most = known ? Math.min(4 * known.most, MOST_ROWS) : LEAST_ROWS;
    const rows = index
      .query(
        `SELECT rowid AS seq FROM docs WHERE docs MATCH ? AND rowid > ? AND rowid < ?
          ORDER BY rowid DESC LIMIT ?`,
      )
      .all(expression, Math.max(above, 0), below, most) as { seq: number }[];
    const seqs = rows.map(({ seq }) => seq);
    this.#lastRows = { key, below, most, seqs, isLast: seqs.length < most };
    return this.#lastRows;
  }

  *#lateOnes(
    index: Database,
    expression: string,
    { ends, from, cursor }: FindRequest,
  ): Generator<Candidate> {
    if (ends.late === 0) return;
    const key = `${ends.late} ${expression}`;
    if (this.#late?.key !== key) {
      this.#late = { key, found: this.#allLate(index, expression, ends.late) };
    }
    const { found } = this.#late;
    for (let at = firstWhere(found, ({ id }) => id < cursor.id); at < found.length; at++) {
      const late = found[at] as Candidate;
      if (late.id < from) return;
      yield late;
    }
  }

  #allLate(index: Database, expression: string, end: number): Candidate[] {
    const rows = index
      .query("SELECT rowid AS seq FROM docs WHERE docs MATCH ? AND rowid < 0 AND rowid >= ?")
      .all(expression, end) as { seq: number }[];
    const found: Candidate[] = [];
    for (const { seq } of rows) {
      const id = this.#rows.lateId(seq);
      if (id !== undefined) found.push({ seq, id });
    }
    return found.sort((one, other) => (one.id < other.id ? 1 : -1));
  }

  /** Undefined where no topic is to be looked at. */
  #expression(query: SearchQuery, takes: (topic: string) => boolean): string | undefined {
    const topics = this.#rows.topics();
    if (!topics) return expressionOf(query, undefined);
    const taken = topics.filter(({ name }) => takes(name)).map(({ topic }) => topic);
    if (taken.length === 0) return undefined;
    const isFilter = taken.length < topics.length && taken.length <= MAX_TOPICS;
    return expressionOf(query, isFilter ? taken : undefined);
  }

  /** @throws Error `no index` where there is none */
  #open(): Database {
    if (this.#index && inodeOf(this.#places.index) !== this.#index.inode) {
      this.#index.db.close();
      this.#index = undefined;
      this.#late = undefined;
      this.#lastRows = undefined;
    }
    this.#index ??= openIndexToRead(this.#places.index);
    if (!this.#index) throw new Error("no such table: there is no index");
    return this.#index.db;
  }
}

/** The place of the first item for which a condition holds, as it does for all after it. */
function firstWhere<T>(items: readonly T[], holds: (item: T) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(items[middle] as T)) high = middle;
    else low = middle + 1;
  }
  return low;
}
