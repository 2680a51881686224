import type { Database } from "bun:sqlite";
import { XsError } from "../../../core/error.ts";
import {
  encodeFrame,
  type Frame,
  idInLine,
  lastIdIn,
  parseFrame,
  parseObject,
} from "../../../core/frame.ts";
import { hashesIn } from "../../../core/hash.ts";
import { checkAhead, type IdSequence } from "../../../core/id.ts";
import { chunkScope, lastScope, scopesOfLine, topicInLine } from "../../../core/index-keys.ts";
import { expiryOf, parseTtl, type Ttl, ttlOfNew } from "../../../core/ttl.ts";
import type { LiveFrame } from "../../live.ts";
import type { Page, PageQuery } from "../../reader.ts";
import type { AppendRequest, ImportFrame } from "../../types.ts";
import type { ContentTables } from "../content/tables.ts";
import type { ExpiryClock } from "../expiry-clock.ts";

/** The most expired rows that one commit removes, so that writers need not wait for a mass expiry. */
const SWEEP_ROWS = 1000;

const LF = 10;

/** A page as SQLite joins its lines. */
interface PageRow {
  rows: number;
  firstId: string | null;
  lastId: string | null;
  /** A JSON array. */
  crcs: string;
  /** The lines, each with its newline; null for none. */
  bytes: Uint8Array | null;
}

/** The part of the store that the log uses. */
export interface LogHost {
  readonly db: Database;
  readonly ids: IdSequence;
  readonly content: ContentTables;
  /** Its time decides which frames have expired. */
  readonly clock: ExpiryClock;
  /** Called inside a write that takes an id which no frame keeps. */
  idConsumed(): void;
  /** The first id that is not durable yet: reads end before it. Undefined where all ids are durable. */
  visibleBefore(): string | undefined;
  /** Called inside a write when the clock was set back: stored times that count from now are too late. */
  clockBack(): void;
}

/** The rows of the frames and of their index. Call its writing methods inside a commit. */
export class Log {
  readonly #db: Database;
  readonly #ids: IdSequence;
  readonly #content: ContentTables;
  readonly #clock: ExpiryClock;
  readonly #now: () => number;
  readonly #clockBack: () => void;
  readonly #idConsumed: () => void;
  readonly #visibleBefore: () => string | undefined;
  readonly #sql: ReturnType<typeof statements>;
  readonly #pages = new Map<string, ReturnType<Database["query"]>>();
  /** Rows of each topic that has a `last:` ttl in use. */
  readonly #counts = new Map<string, number>();
  /** Topics to which this commit appended with a `last:` ttl, and what it keeps. */
  readonly #untrimmed = new Map<string, number>();
  #published: LiveFrame[] = [];
  #total: number | undefined;

  constructor({ db, ids, content, clock, idConsumed, visibleBefore, clockBack }: LogHost) {
    this.#db = db;
    this.#ids = ids;
    this.#content = content;
    this.#clock = clock;
    this.#now = clock.now;
    this.#clockBack = clockBack;
    this.#idConsumed = idConsumed;
    this.#visibleBefore = visibleBefore;
    this.#sql = statements(db);
  }

  /** The frames that were appended since the last call, for live readers. Never the same array twice. */
  takePublished(): LiveFrame[] {
    const frames = this.#published;
    this.#published = [];
    return frames;
  }

  /** Forgets what was counted in a transaction that was rolled back. */
  rolledBack(): void {
    this.#published = [];
    this.#untrimmed.clear();
    this.#counts.clear();
    this.#total = undefined;
  }

  /** How many rows there are; counted at the first call, which takes a while. */
  count(): number {
    this.#total ??= (this.#sql.count.get() as { n: number }).n;
    return this.#total;
  }

  append({ topic, meta, ttl: asked, content, growing }: AppendRequest): string {
    const id = this.#ids.next();
    const ends = asked.kind === "time" || asked.kind === "until";
    const ttl = ends ? ttlOfNew(asked, id, this.#followClock()) : asked;
    const line = encodeFrame(id, { topic, hash: content?.hash ?? null, meta, ttl: ttl.text });
    const expires = expiryOf(ttl, id);
    const scopes = scopesOfLine(line);
    if (ttl.kind !== "ephemeral") {
      const keep = ttl.kind === "last" ? ttl.count : undefined;
      // A frame with another ttl must not count among the earlier frames of this commit.
      if (this.#untrimmed.has(topic) && this.#untrimmed.get(topic) !== keep) this.trim();
      this.#insert(id, line, scopes, expires);
      if (keep !== undefined) this.#untrimmed.set(topic, keep);
      if (growing === "begins") this.#sql.insertGrowing.run(id);
      else if (growing) this.#sql.deleteGrowing.run(growing.ended);
    }
    if (content) this.#content.stage(content);
    this.#published.push({ id, scopes, line, expires });
    return line;
  }

  /** Removes what `last:` ttls of this commit no longer keep: once for all its frames of a topic. */
  trim(): void {
    if (this.#untrimmed.size === 0) return;
    // Expired rows must not take the place of frames that readers still see.
    this.sweepAll();
    for (const [topic, keep] of this.#untrimmed) this.#keepNewest(topic, keep);
    this.#untrimmed.clear();
  }

  /** @throws XsError `id_ahead` */
  checkImport(frames: readonly ImportFrame[], ahead: boolean): void {
    const now = this.#now();
    for (const { id } of frames) checkAhead(id, now, ahead);
  }

  /** Adds a frame in its place; tells whether it is there now and was not before. */
  import({ topic, id, hash, meta, ttl }: ImportFrame): boolean {
    this.trim();
    this.#ids.advancePast(id);
    const expires = expiryOf(ttl, id);
    const gone = ttl.kind === "ephemeral" || (expires !== null && expires <= this.#now());
    if (gone || this.#sql.raw.get(id)) return false;
    const line = encodeFrame(id, { topic, hash, meta, ttl: ttl.text });
    const scopes = scopesOfLine(line);
    this.#insert(id, line, scopes, expires);
    const isNewest = this.#newestOf(topic) === id;
    if (isNewest && ttl.kind !== "last") return true;
    this.sweepAll();
    if (isNewest && ttl.kind === "last") {
      this.#keepNewest(topic, ttl.count);
    } else {
      // Later frames that keep only so many before them count this one as well.
      const later = this.#sql.laterLast.all(lastScope(topic), id) as { id: string }[];
      for (const frame of later) this.#keepNewestUpTo(topic, frame.id);
    }
    return this.#sql.raw.get(id) !== null;
  }

  /** Removes a frame. False if there was none. */
  remove(id: string): boolean {
    const row = this.#sql.raw.get(id) as { crc: number; frame: string } | null;
    if (!row) return false;
    this.#sql.delete.run(id);
    if (isSound(row)) {
      for (const scope of scopesOfLine(row.frame)) this.#sql.deleteScope.run(scope, id);
      this.#count(topicInLine(row.frame), -1);
    } else {
      // It does not tell any more what it is indexed under.
      this.#sql.deleteScopes.run(id);
      this.#counts.clear();
      this.#total = undefined;
    }
    this.#content.release(hashesIn(row.frame));
    this.#idConsumed();
    return true;
  }

  /**
   * The system's clock. Where that was set back, what has expired by the later time is removed now,
   * and the later time forgotten: what is to come must not have expired before it is there.
   */
  #followClock(): number {
    if (this.#clock.isAhead) {
      this.sweepAll();
      this.#clock.goBack();
      this.#clockBack();
    }
    return this.#clock.real();
  }

  /** Removes expired rows. Returns how many it looked at. */
  sweep(): number {
    const rows = this.#sql.expired.all(this.#now(), SWEEP_ROWS) as {
      id: string;
      expires: number;
      crc: number;
      frame: string;
    }[];
    for (const { id, expires, ...row } of rows) {
      // The checksum is over the frame. A damaged expiry must not take the frame with it.
      const due = isSound(row) ? expiryOf(ttlOf(row.frame), id) : expires;
      if (due === expires) this.remove(id);
      else this.#sql.setExpiry.run(due, id);
    }
    return rows.length;
  }

  hasExpired(): boolean {
    return this.#sql.hasExpired.get(this.#now()) !== null;
  }

  hasGrowing(): boolean {
    return this.#sql.growing.get() !== null;
  }

  /** Ends chunked content that was growing when the process was killed. */
  endGrowing(): void {
    for (const { id } of this.#sql.growing.all() as { id: string }[]) {
      const first = this.#sql.get.get(id, this.#now()) as { crc: number; frame: string } | null;
      this.#sql.deleteGrowing.run(id);
      if (!first || !isSound(first)) continue;
      const { topic, meta, ttl } = parseFrame(first.frame);
      const { n } = this.#sql.countScope.get(chunkScope(id)) as { n: number };
      const chunk = { of: id, index: n + 1, more: false, aborted: true };
      const last = JSON.stringify({ ...parseObject(meta), chunk });
      this.append({ topic, meta: last, ttl: parseTtl(ttl), content: null });
    }
  }

  isGrowing(id: string): boolean {
    return this.#sql.isGrowing.get(id) !== null;
  }

  /** @throws XsError `frame_damaged` */
  get(id: string): string | undefined {
    const row = this.#sql.get.get(id, this.#now()) as { frame: string; crc: number } | null;
    return row ? checkedLine({ ...row, id }) : undefined;
  }

  /**
   * A slice of what is durable, every line checked. It ends before a damaged frame, and fails where
   * that would be its first. @throws XsError `frame_damaged`
   */
  page(query: PageQuery): Page {
    const [first, last] = query.order === "asc" ? ["min", "max"] : ["max", "min"];
    const row = this.#select(
      query,
      (rows) => `
        SELECT count(*) AS rows, ${first}(id) AS firstId, ${last}(id) AS lastId,
          json_group_array(crc) AS crcs,
          CAST(group_concat(frame || char(10), '') AS BLOB) AS bytes
        FROM (${rows} LIMIT ?)`,
      query.rows,
    ) as PageRow;
    if (!row.bytes) return { rows: 0, bytes: new Uint8Array(), lastId: undefined, more: false };
    const sound = soundLines(row.bytes, JSON.parse(row.crcs) as number[]);
    if (sound.rows === 0) throw damagedFrame(row.firstId ?? "");
    if (sound.rows === row.rows) {
      return { ...sound, lastId: row.lastId ?? undefined, more: row.rows === query.rows };
    }
    return { ...sound, lastId: lastIdIn(sound.bytes), more: true };
  }

  /** The newest frame's id of a topic, as a write sees it. */
  newest(topic: string): string | undefined {
    return this.page({ topics: [topic], order: "desc", rows: 1, evenBeyondHorizon: true }).lastId;
  }

  /** The bound (exclusive) above which the newest `count` frames lie; undefined if all do. */
  boundOfLast(count: number, query: PageQuery): string | undefined {
    if (count === 0) return this.#ids.newest || undefined;
    const row = this.#select(
      { ...query, order: "desc", below: undefined },
      (rows) => `SELECT id FROM (${rows} LIMIT 1 OFFSET ?)`,
      count,
    ) as { id: string } | null;
    return row?.id;
  }

  #insert(id: string, line: string, scopes: readonly string[], expires: number | null): void {
    this.#sql.insert.run(id, expires, Bun.hash.crc32(line), line);
    for (const scope of scopes) this.#sql.insertScope.run(scope, id);
    this.#count(scopes[0] as string, 1);
    this.#content.noteReferences(line);
  }

  #count(topic: string, change: 1 | -1): void {
    if (this.#total !== undefined) this.#total += change;
    const count = this.#counts.get(topic);
    if (count !== undefined) this.#counts.set(topic, count + change);
  }

  #newestOf(topic: string): string | null {
    return (this.#sql.newestOf.get(topic) as { id: string | null }).id;
  }

  /** Removes what is beyond the newest frames that a `last:` ttl keeps. */
  #keepNewest(topic: string, keep: number): void {
    let count = this.#counts.get(topic);
    if (count === undefined) {
      count = (this.#sql.countScope.get(topic) as { n: number }).n;
      this.#counts.set(topic, count);
    }
    this.#removeOldest(topic, count - keep);
  }

  /** The same as of an older frame: it and those before it are at most as many as its ttl keeps. */
  #keepNewestUpTo(topic: string, id: string): void {
    const row = this.#sql.raw.get(id) as { crc: number; frame: string } | null;
    if (!row || !isSound(row)) return;
    const ttl = ttlOf(row.frame);
    const { n } = this.#sql.countUpTo.get(topic, id) as { n: number };
    if (ttl.kind === "last") this.#removeOldest(topic, n - ttl.count);
  }

  #removeOldest(topic: string, count: number): void {
    if (count <= 0) return;
    for (const { id } of this.#sql.oldest.all(topic, count) as { id: string }[]) this.remove(id);
  }

  /** Removes all expired rows. */
  sweepAll(): void {
    while (this.sweep() === SWEEP_ROWS);
  }

  /** Runs a statement over the rows of a query; statements are made once for each shape. */
  #select(query: PageQuery, wrap: (rows: string) => string, count: number): unknown {
    const { above, topics, order } = query;
    const hidden = query.evenBeyondHorizon ? undefined : this.#visibleBefore();
    const below =
      hidden !== undefined && (query.below === undefined || hidden < query.below)
        ? hidden
        : query.below;
    const bounds = `${above === undefined ? "" : "AND id > ?"} ${below === undefined ? "" : "AND id < ?"}`;
    const key = `${order} ${bounds} ${topics?.length ?? "all"} ${wrap("")}`;
    let statement = this.#pages.get(key);
    if (!statement) {
      statement = this.#db.query(wrap(selectRows(order, bounds, topics?.length)));
      this.#pages.set(key, statement);
    }
    const edges = [above, below].filter((edge) => edge !== undefined);
    const now = this.#now();
    const values = topics
      ? [...topics.flatMap((topic) => [topic, ...edges]), now, count]
      : [...edges, now, count];
    return statement.get(...values);
  }
}

/** Checks a row against its CRC and returns its line. @throws XsError `frame_damaged` */
export function checkedLine({
  id,
  crc,
  frame,
}: {
  id: string;
  crc: number;
  frame: string;
}): string {
  // In a damaged page a row may be found under the id of another.
  if (isSound({ crc, frame }) && idInLine(frame) === id) return frame;
  throw damagedFrame(id);
}

function damagedFrame(id: string): XsError {
  return new XsError(
    "frame_damaged",
    `the stored frame ${id} is damaged: restore it with an import, after  xs remove ${id}`,
  );
}

function isSound({ crc, frame }: { crc: number; frame: string }): boolean {
  return Bun.hash.crc32(frame) === crc;
}

function ttlOf(line: string): Ttl {
  return parseTtl((JSON.parse(line) as Frame).ttl);
}

/** The lines up to the first that does not fit its CRC. */
function soundLines(
  bytes: Uint8Array,
  crcs: readonly number[],
): { rows: number; bytes: Uint8Array } {
  let start = 0;
  for (const [n, crc] of crcs.entries()) {
    const end = bytes.indexOf(LF, start);
    const line = bytes.subarray(start, end) as Uint8Array<ArrayBuffer>;
    if (Bun.hash.crc32(line) !== crc) return { rows: n, bytes: bytes.subarray(0, start) };
    start = end + 1;
  }
  return { rows: crcs.length, bytes };
}

/** The rows of some scopes (or of the whole log) in order; takes each scope with its bounds. */
function selectRows(order: "asc" | "desc", bounds: string, scopes: number | undefined): string {
  const visible = "(expires IS NULL OR expires > ?)";
  if (scopes === undefined) {
    return `SELECT id, crc, frame FROM frames WHERE true ${bounds} AND ${visible} ORDER BY id ${order}`;
  }
  // SQLite merges the ranges as they come, since each is in order already. CROSS JOIN keeps them
  // on the outside: the cost is that of the rows that are taken.
  const range = `SELECT id FROM scopes WHERE scope = ? ${bounds}`;
  const ranges =
    scopes === 1
      ? `${range} ORDER BY id ${order}`
      : `${Array(scopes).fill(range).join(" UNION ALL ")} ORDER BY id ${order}`;
  return `SELECT frames.id AS id, crc, frame FROM (${ranges}) AS found CROSS JOIN frames
    WHERE frames.id = found.id AND ${visible} ORDER BY found.id ${order}`;
}

function statements(db: Database) {
  return {
    count: db.query("SELECT count(*) AS n FROM frames"),
    insert: db.query("INSERT INTO frames (id, expires, crc, frame) VALUES (?, ?, ?, ?)"),
    // One that is there already has lost its frame, and has it again.
    insertScope: db.query("INSERT OR IGNORE INTO scopes (scope, id) VALUES (?, ?)"),
    delete: db.query("DELETE FROM frames WHERE id = ?"),
    deleteScope: db.query("DELETE FROM scopes WHERE scope = ? AND id = ?"),
    deleteScopes: db.query("DELETE FROM scopes WHERE id = ?"),
    raw: db.query("SELECT crc, frame FROM frames WHERE id = ?"),
    get: db.query(
      "SELECT frame, crc FROM frames WHERE id = ? AND (expires IS NULL OR expires > ?)",
    ),
    expired: db.query(
      "SELECT id, expires, crc, frame FROM frames WHERE expires <= ? ORDER BY expires LIMIT ?",
    ),
    hasExpired: db.query("SELECT 1 FROM frames WHERE expires <= ? LIMIT 1"),
    setExpiry: db.query("UPDATE frames SET expires = ? WHERE id = ?"),
    countScope: db.query("SELECT count(*) AS n FROM scopes WHERE scope = ?"),
    countUpTo: db.query("SELECT count(*) AS n FROM scopes WHERE scope = ? AND id <= ?"),
    newestOf: db.query("SELECT max(id) AS id FROM scopes WHERE scope = ?"),
    oldest: db.query("SELECT id FROM scopes WHERE scope = ? ORDER BY id LIMIT ?"),
    laterLast: db.query("SELECT id FROM scopes WHERE scope = ? AND id >= ? ORDER BY id"),
    growing: db.query("SELECT id FROM growing"),
    isGrowing: db.query("SELECT 1 FROM growing WHERE id = ?"),
    insertGrowing: db.query("INSERT INTO growing (id) VALUES (?)"),
    deleteGrowing: db.query("DELETE FROM growing WHERE id = ?"),
  };
}
