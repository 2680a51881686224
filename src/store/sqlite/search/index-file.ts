import { Database } from "bun:sqlite";
import { accessSync, constants, lstatSync, rmSync, statSync } from "node:fs";
import { XsError } from "../../../core/error.ts";
import { openForReading } from "../connection.ts";
import { makePrivateFile } from "../own-files.ts";
import { SCHEMA } from "../schema.ts";
import type { Marks } from "./messages.ts";

/** Raise it where an index has to be made anew: what is in it has changed. */
const FORMAT = `2 of schema ${SCHEMA}`;

/** The ends of the names of its files. */
const FILES = ["-wal", "-shm", ""];

/**
 * The words of frames under the `seq` of their rows. `at` has a word that every frame has, and the number of the topic.
 * The index has no text: what it finds is looked at again. `rows` tells which frame was indexed under a `seq`, as one
 * that was removed may leave its number to another: "crc" is that of the row. "lacks" is 1 where the content could not
 * be read.
 */
const TABLES = `
  CREATE VIRTUAL TABLE docs USING fts5(
    topic, meta, content, at, content = '', contentless_delete = 1, tokenize = 'ascii'
  );
  INSERT INTO docs (docs, rank) VALUES ('hashsize', 8388608);
  CREATE TABLE rows (seq INTEGER PRIMARY KEY, crc INTEGER NOT NULL, lacks INTEGER) STRICT;
  CREATE INDEX rows_lacking ON rows (seq) WHERE lacks = 1;
  CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;

/** Whether an error says that a file is no index of ours, or a damaged one. */
export function isDamage(error: unknown): boolean {
  const { code = "", message = "" } = error as { code?: string; message?: string };
  return (
    /^SQLITE_(CORRUPT|NOTADB)/.test(code) ||
    /malformed|corrupt|no such (table|column)|not a database|missing row|vtable constructor/.test(
      message,
    )
  );
}

/** The index, open for the one process that writes it. */
export class IndexFile {
  readonly db: Database;
  readonly #path: string;
  readonly #inode: number;

  private constructor(path: string, db: Database) {
    this.#path = path;
    this.db = db;
    this.#inode = inodeOf(path);
  }

  /** Opens the index of a state of a store; makes it anew where it is another's, damaged, or not there. */
  static open(path: string, marks: Marks): IndexFile {
    removeUnusable(path);
    let db: Database | undefined;
    if (inodeOf(path) > 0) {
      try {
        db = openToWrite(path);
        if (isOf(db, marks)) return new IndexFile(path, db);
      } catch (error) {
        if (!isDamage(error)) {
          db?.close();
          throw error;
        }
      }
      db?.close();
    }
    return IndexFile.make(path, marks);
  }

  /** Makes an empty index. */
  static make(path: string, [mark = ""]: Marks): IndexFile {
    // What is left of another would be taken for changes to this one.
    for (const end of FILES) rmSync(path + end, { force: true });
    makePrivateFile(path);
    const db = openToWrite(path);
    db.transaction(() => {
      db.run(TABLES);
      const set = db.query("INSERT INTO facts (key, value) VALUES (?, ?)");
      set.run("format", FORMAT);
      set.run("mark", mark);
    })();
    return new IndexFile(path, db);
  }

  /** Whether it is still what the path leads to: a user may remove it at any time. */
  get isInPlace(): boolean {
    return inodeOf(this.#path) === this.#inode;
  }

  fact(key: "mark" | "dirty"): string | undefined {
    const row = this.db.query("SELECT value FROM facts WHERE key = ?").get(key);
    return (row as { value: string } | null)?.value;
  }

  setFact(key: "mark" | "dirty", value: string): void {
    this.db.query("INSERT OR REPLACE INTO facts (key, value) VALUES (?, ?)").run(key, value);
  }

  close(): void {
    this.db.close();
  }
}

/**
 * Removes what can be no file of the index, which is derived: a pipe, or a file that this user may not use. A link to a
 * file of the index is left, a folder is not ours.
 *
 * @throws XsError `internal` for a folder
 */
export function removeUnusable(path: string): void {
  const files = FILES.map((end) => path + end);
  const isOdd = (file: string) => {
    const link = lstatSync(file, { throwIfNoEntry: false });
    const found = link && statSync(file, { throwIfNoEntry: false });
    if (found?.isDirectory()) throw new XsError("internal", `${file} is a folder: remove it`);
    return link !== undefined && !(found?.isFile() && isUsable(file));
  };
  // One without the others is damaged.
  if (files.some(isOdd)) for (const file of files) rmSync(file, { force: true });
}

function isUsable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Opens the index to search in it; undefined where there is none. */
export function openIndexToRead(path: string): { db: Database; inode: number } | undefined {
  const inode = inodeOf(path);
  if (inode === 0) return undefined;
  return { db: openForReading(path), inode };
}

/** 0 where there is no file. */
export function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
}

function openToWrite(path: string): Database {
  const db = new Database(path, { readwrite: true, strict: true });
  try {
    db.run("PRAGMA busy_timeout = 10000");
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA synchronous = NORMAL");
    db.run("PRAGMA wal_autocheckpoint = 4000");
    db.run("PRAGMA cache_size = -16000");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function isOf(db: Database, marks: Marks): boolean {
  const rows = db.query("SELECT key, value FROM facts").all() as { key: string; value: string }[];
  const facts = new Map(rows.map(({ key, value }) => [key, value]));
  return facts.get("format") === FORMAT && marks.includes(facts.get("mark") ?? "");
}
