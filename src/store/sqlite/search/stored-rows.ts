import type { Database } from "bun:sqlite";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { hashInLine } from "../../../core/frame.ts";
import { hashOf } from "../../../core/hash.ts";
import { topicInLine } from "../../../core/index-keys.ts";
import { type SearchTexts, textsOfMeta } from "../../../core/search-match.ts";
import { textOf } from "../../../lib/text.ts";
import { isCorrupt } from "../../failures.ts";
import { openForReading } from "../connection.ts";
import { pathInFolder } from "../content/content-path.ts";
import { type FrameRow, isSound } from "../log/frame-row.ts";
import type { SearchPlaces } from "./messages.ts";

/** Content above this size, in bytes, is not searched. */
export const MAX_SEARCHED = 1024 * 1024;

const COLUMNS = "seq, topic, crc, line";
/** More rows than a page of the database has. */
const MAX_ROWS_A_PAGE = 200;

/** A row of a frame, as the search needs it. */
export interface StoredRow extends FrameRow {
  readonly topic: number;
}

/** The texts of a row. `lacks`: it has content that could not be read. */
export interface RowTexts extends SearchTexts {
  readonly lacks: boolean;
}

/** Reads a database as it was at one moment. */
export function atOnce<T>(db: Database, read: () => T): T {
  db.run("BEGIN");
  try {
    return read();
  } finally {
    // After a read of a damaged page, SQLite says of this that it failed as well; it ends the transaction.
    readable(() => db.run("ROLLBACK"));
  }
}

/** The frames of a store and their content, read beside the process that has the store open. */
export class StoredRows implements Disposable {
  readonly db: Database;
  readonly #files: string;
  readonly #sql: ReturnType<typeof statements>;
  /** The rows of `staged` by their hashes, as they were read last. */
  #numbers: Map<string, number> | undefined;

  constructor({ database, files }: SearchPlaces) {
    this.db = openForReading(database);
    this.#files = files;
    this.#sql = statements(this.db);
  }

  [Symbol.dispose](): void {
    this.db.close();
  }

  row(seq: number): StoredRow | undefined {
    const statement = seq > 0 ? this.#sql.row : this.#sql.lateRow;
    return readable(() => statement.get(seq) as StoredRow | null) ?? undefined;
  }

  /** The topics, with their numbers; undefined where a page of these is damaged. */
  topics(): { readonly topic: number; readonly name: string }[] | undefined {
    return readable(() => this.#sql.topics.all() as { topic: number; name: string }[]);
  }

  /** The id of a late frame. */
  lateId(seq: number): string | undefined {
    return readable(() => this.#sql.lateId.get(seq) as { id: string } | null)?.id;
  }

  /** The rows after one, up to another, in the order in which they came. Those on a damaged page are left out. */
  *after(seq: number, end: number): Generator<StoredRow> {
    const next = end > 0 ? this.#sql.next : this.#sql.nextLate;
    const step = end > 0 ? 1 : -1;
    for (let [at, tries] = [seq + step, 0]; at !== end + step; ) {
      try {
        const row = next.get(at, end) as StoredRow | null;
        if (!row) return;
        yield row;
        [at, tries] = [row.seq + step, 0];
      } catch (error) {
        if (!isCorrupt(error) || ++tries > MAX_ROWS_A_PAGE) throw error;
        at += step;
      }
    }
  }

  /** The texts of a row; undefined where it is damaged. */
  texts(row: StoredRow): RowTexts | undefined {
    if (!isSound(row)) return undefined;
    const { line } = row;
    const meta = line.slice(line.indexOf(',"meta":') + 8, line.lastIndexOf(',"ttl":"'));
    const hash = hashInLine(line);
    const bytes = hash === null ? undefined : this.#content(hash);
    return {
      topic: topicInLine(line),
      meta: textsOfMeta(meta),
      content: bytes && textOf(bytes),
      lacks: hash !== null && bytes === undefined,
    };
  }

  /** Undefined where it is damaged or missing; empty where it is too large. */
  #content(hash: string): Uint8Array | undefined {
    const found = this.#fromFile(hash) ?? this.#staged(hash) ?? this.#fromFile(hash);
    if (found && found.length > 0 && hashOf(found) !== hash) return undefined;
    return found;
  }

  #fromFile(hash: string): Uint8Array | undefined {
    const path = join(this.#files, pathInFolder(hash));
    try {
      const state = statSync(path, { throwIfNoEntry: false });
      if (!state?.isFile()) return undefined;
      return state.size > MAX_SEARCHED ? new Uint8Array() : readFileSync(path);
    } catch {
      return undefined;
    }
  }

  /** The table has no index of hashes: the numbers of its rows are read once, and again where one is not among them. */
  #staged(hash: string): Uint8Array | undefined {
    for (const isFresh of [false, true]) {
      if (isFresh) this.#numbers = undefined;
      this.#numbers ??= new Map(
        readable(() => this.#sql.staged.all() as { hash: string; seq: number }[])?.map((row) => [
          row.hash,
          row.seq,
        ]),
      );
      const seq = this.#numbers.get(hash);
      const row = seq !== undefined && readable(() => this.#sql.stagedRow.get(seq, hash));
      if (row) return (row as { bytes: Uint8Array }).bytes;
    }
    return undefined;
  }
}

/** What is read; undefined where it is on a damaged page of the database, which is no damage of the index. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isCorrupt(error)) return undefined;
    throw error;
  }
}

function statements(db: Database) {
  return {
    row: db.query(`SELECT ${COLUMNS} FROM frames WHERE seq = ?`),
    lateRow: db.query(`SELECT ${COLUMNS} FROM late WHERE seq = ?`),
    next: db.query(
      `SELECT ${COLUMNS} FROM frames WHERE seq >= ? AND seq <= ? ORDER BY seq LIMIT 1`,
    ),
    nextLate: db.query(
      `SELECT ${COLUMNS} FROM late WHERE seq <= ? AND seq >= ? ORDER BY seq DESC LIMIT 1`,
    ),
    topics: db.query("SELECT topic, name FROM topics"),
    lateId: db.query("SELECT id FROM late WHERE seq = ?"),
    staged: db.query("SELECT seq, hash FROM staged"),
    stagedRow: db.query("SELECT bytes FROM staged WHERE seq = ? AND hash = ?"),
  };
}
