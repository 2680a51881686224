import type { Database } from "bun:sqlite";
import { XsError } from "../../../core/error.ts";
import { digestOf } from "../../../core/hash.ts";
import { MAX_SMALL_CONTENT } from "../../content.ts";
import type { Position, Tombstone } from "../../import.ts";
import type { EntryData } from "../../kv.ts";
import type { Cursor } from "../../read-source.ts";
import type { StoreSnapshot, Totals } from "../../snapshot.ts";
import { openForReading } from "../connection.ts";
import type { ContentFiles } from "../content/cacache-files.ts";
import type { ContentStore } from "../content/content.ts";
import { Facts } from "../facts.ts";
import { checkedRow, type KvRow } from "../kv/entry-row.ts";
import { FrameSearch } from "../log/frame-search.ts";
import { Pages } from "../log/pages.ts";
import { Selector } from "../log/selection.ts";
import { tombstoneCrc } from "../log/tombstones.ts";
import { Topics } from "../log/topics.ts";

const PAGE_ROWS = 200;
/** Of rows that are small. */
const MANY_ROWS = 2000;

/** Reads the database on a separate connection. While it is open the write-ahead log only grows. */
export class Snapshot implements StoreSnapshot {
  readonly #db: Database;
  readonly #pages: Pages;
  readonly #now: number;
  readonly #content: Pick<ContentStore, "files" | "remote">;
  readonly #release: () => void;

  /** @param release called when the snapshot is closed */
  constructor(
    database: string,
    content: Pick<ContentStore, "files" | "remote">,
    now: number,
    release: () => void,
  ) {
    this.#content = content;
    this.#release = release;
    this.#now = now;
    this.#db = openForReading(database);
    try {
      this.#db.run("BEGIN");
      // The moment is that of the first read.
      this.#db.query("SELECT 1 FROM frames LIMIT 1").get();
      const facts = new Facts(this.#db);
      const topics = new Topics(this.#db, facts);
      topics.reload();
      const search = new FrameSearch(this.#db, facts);
      this.#pages = new Pages(this.#db, {
        search,
        selector: new Selector(this.#db, { search, topics }),
        now: () => now,
        visible: () => undefined,
      });
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  totals() {
    const frames = this.#totals("octet_length(line) + 1", `frames WHERE ${VISIBLE}`);
    const more = this.#totals("octet_length(line) + 1", LATE);
    return {
      frames: { rows: frames.rows + more.rows, bytes: frames.bytes + more.bytes },
      late: this.#totals("octet_length(id) + octet_length(position)", LATE),
      tombstones: this.#totals("octet_length(id) + octet_length(ms)", "tombstones"),
    };
  }

  *frames(): Generator<Uint8Array> {
    let read = 0;
    for (let after: Cursor | undefined; ; ) {
      const page = this.#pages.page({ after, order: "asc", rows: PAGE_ROWS });
      if (page.rows > 0) yield page.bytes;
      read += page.rows;
      if (!page.more) break;
      after = page.cursor;
    }
    const { rows } = this.#totals("0", `frames WHERE ${VISIBLE}`);
    checkRead("frames", read, rows + this.#totals("0", LATE).rows);
  }

  *late(): Generator<Position[]> {
    const next = this.#db.query(`SELECT id, position FROM late
      WHERE ${VISIBLE} AND (position, id) > (?, ?) ORDER BY position, id LIMIT ${MANY_ROWS}`);
    let read = 0;
    for (let last: Position | undefined = { id: "", position: "" }; last; ) {
      const rows = next.all(this.#now, last.position, last.id) as Position[];
      if (rows.length > 0) yield rows;
      read += rows.length;
      last = rows.at(-1);
    }
    checkRead("late frames", read, this.#totals("0", LATE).rows);
  }

  *tombstones(): Generator<Tombstone[]> {
    const next = this.#db.query(
      `SELECT id, ms, crc FROM tombstones WHERE id > ? ORDER BY id LIMIT ${MANY_ROWS}`,
    );
    let read = 0;
    for (let last: Tombstone | undefined = { id: "", ms: 0 }; last; ) {
      const rows = next.all(last.id) as (Tombstone & { readonly crc: number })[];
      const sound = rows.filter((row) => tombstoneCrc(row) === row.crc);
      if (sound.length > 0) yield sound;
      read += sound.length;
      last = rows.at(-1);
    }
    checkRead("tombstones", read, this.#totals("0", "tombstones").rows);
  }

  *entries(): Generator<EntryData> {
    const next = this.#db.query(
      "SELECT key, rev, type, crc, writer, value FROM kv WHERE key > ? ORDER BY key LIMIT 1",
    );
    let read = 0;
    for (let key = ""; ; read++) {
      const row = next.get(key) as KvRow | null;
      if (!row) break;
      key = row.key;
      yield checkedRow(row);
    }
    checkRead("entries", read, this.#totals("0", "kv").rows);
  }

  contents(): AsyncGenerator<string> {
    // What was staged at the moment of the snapshot may be in files by now.
    const rows = this.#db.query("SELECT hash FROM staged").all() as { hash: string }[];
    const staged = rows.map(({ hash }) => hash);
    const { files, remote } = this.#content;
    if (!remote) return merged(sorted(staged), files.list());
    // Large files that no blob has are of writes that never came: the other nodes have none of them.
    return merged(sorted([...staged, ...remote.hashes()]), smallFiles(files));
  }

  close(): void {
    this.#db.close();
    this.#release();
  }

  #totals(bytes: string, from: string): Totals {
    const query = this.#db.query(
      `SELECT count(*) AS rows, coalesce(sum(${bytes}), 0) AS bytes FROM ${from}`,
    );
    return query.get(...(from.includes("?") ? [this.#now] : [])) as Totals;
  }
}

const VISIBLE = "(expires IS NULL OR expires > ?)";
/** Without its indexes: what these lose by damage is counted all the same. */
const LATE = `late NOT INDEXED WHERE ${VISIBLE}`;

/**
 * Refuses an export that would lack rows: damage in an index, or in keys, hides them from a read in order.
 *
 * @throws XsError `frame_damaged`
 */
function checkRead(what: string, read: number, there: number): void {
  if (read === there) return;
  throw new XsError(
    "frame_damaged",
    `of ${there} ${what} only ${read} can be read in order: see  xs verify  for what is damaged`,
  );
}

/** Hashes in their order as bytes. */
function sorted(hashes: readonly string[]): string[] {
  return hashes
    .map((hash) => ({ hash, bytes: digestOf(hash) }))
    .sort((a, b) => a.bytes.compare(b.bytes))
    .map(({ hash }) => hash);
}

async function* smallFiles(files: ContentFiles): AsyncGenerator<string> {
  for await (const hash of files.list()) {
    if ((files.stateOf(hash)?.size ?? 0) <= MAX_SMALL_CONTENT) yield hash;
  }
}

/** Merges two sorted lists of hashes, in the order of their bytes, without duplicates. */
async function* merged(
  staged: readonly string[],
  files: AsyncIterable<string>,
): AsyncGenerator<string> {
  let at = 0;
  for await (const hash of files) {
    const bytes = digestOf(hash);
    for (let other = staged[at]; other !== undefined; other = staged[++at]) {
      const order = digestOf(other).compare(bytes);
      if (order > 0) break;
      if (order < 0) yield other;
    }
    yield hash;
  }
  yield* staged.slice(at);
}
