import { Database } from "bun:sqlite";
import { join } from "node:path";
import { encodeFrame } from "../../src/core/frame.ts";
import { hashOf } from "../../src/core/hash.ts";
import { IdSequence } from "../../src/core/id.ts";
import { firstChunkOf } from "../../src/core/links.ts";
import { scopesOf } from "../../src/core/pattern.ts";
import { expiryOf, parseTtl } from "../../src/core/ttl.ts";
import { makeDirectory } from "../../src/lib/fsync.ts";
import { kvCrc } from "../../src/store/sqlite/kv/entry-row.ts";
import { Random } from "./random.ts";

/** The tables of schema 2, as the versions before had them. */
const TABLES = `
  CREATE TABLE frames (
    id TEXT PRIMARY KEY, expires INTEGER, crc INTEGER NOT NULL, frame TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX frames_by_expiry ON frames (expires) WHERE expires IS NOT NULL;
  CREATE TABLE scopes (
    scope TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (scope, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE staged (
    seq INTEGER PRIMARY KEY, uses INTEGER NOT NULL DEFAULT 1, hash TEXT NOT NULL, bytes BLOB NOT NULL
  ) STRICT;
  CREATE TABLE freed (hash TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE kv (
    key TEXT PRIMARY KEY, rev TEXT NOT NULL, type TEXT NOT NULL, crc INTEGER NOT NULL, value BLOB
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX kv_deleted ON kv (rev) WHERE value IS NULL;
  CREATE TABLE answers (
    key TEXT PRIMARY KEY, expires INTEGER NOT NULL, request TEXT NOT NULL, frames TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX answers_by_expiry ON answers (expires);
  CREATE TABLE growing (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  PRAGMA user_version = 2;
`;

/** A frame a millisecond, from here on. */
const START = Date.UTC(2026, 0, 1);
/** Frames, and rows of the index, of one transaction. */
const STEP = 20_000;

/**
 * Makes a store of schema 2, as one that was closed, with frames of all kinds: topics of one to three levels, every
 * ttl, chunks, output of handlers. Beside them it has staged content, entries, deleted ones too, and answers.
 *
 * @param killed ends this process, and leaves the newest in the log
 */
export function makeOldStore(directory: string, frames: number, seed = 1, killed = false): void {
  makeDirectory(directory, 0o700);
  const db = new Database(join(directory, "events.db"), { create: true, strict: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run(TABLES);
  if (killed) db.run("PRAGMA wal_autocheckpoint = 100");
  fill(db, frames, new Random(seed));
  if (killed) process.kill(process.pid, "SIGKILL");
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
}

function fill(db: Database, frames: number, random: Random): void {
  let now = START;
  const ids = new IdSequence(() => now);
  const insert = db.query("INSERT INTO frames (id, expires, crc, frame) VALUES (?, ?, ?, ?)");
  const insertScope = db.query("INSERT INTO scopes (scope, id) VALUES (?, ?)");
  let known = "";
  let chunked = "";
  for (let n = 0; n < frames; ) {
    const scopes: [string, string][] = [];
    db.transaction(() => {
      for (const end = Math.min(n + STEP, frames); n < end; n++, now++) {
        const id = ids.next();
        const { topic, meta, ttl } = frame(n, random, known, chunked);
        if (topic === "feed" && n % 10 === 7) chunked = id;
        if (n % 3 === 0) known = id;
        const line = encodeFrame(id, { topic, hash: null, meta: JSON.stringify(meta), ttl });
        insert.run(id, expiryOf(parseTtl(ttl), id), Bun.hash.crc32(line), line);
        for (const scope of scopesOf(topic)) scopes.push([scope, id]);
        if (ttl.startsWith("last:")) scopes.push([`last:${topic}`, id]);
        const of = firstChunkOf(line);
        if (of !== undefined) scopes.push([`chunk:${of}`, id]);
      }
      scopes.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      for (const [scope, id] of scopes) insertScope.run(scope, id);
    })();
  }
  const rev = ids.next();
  db.run("INSERT INTO facts VALUES ('newest_id', ?)", [rev]);
  fillOthers(db, rev);
}

function frame(
  n: number,
  random: Random,
  known: string,
  chunked: string,
): { topic: string; meta: unknown; ttl: string } {
  const plain = { topic: `t.${random.below(1000)}.x`, meta: { n }, ttl: "forever" };
  switch (n % 10) {
    case 1:
      return { ...plain, topic: "note", meta: `Grüße ☃ 💾 ${n}` };
    case 2:
      return { ...plain, topic: `temp.${random.below(5)}`, ttl: "last:100000000" };
    case 3:
      return { ...plain, topic: "lease", ttl: `time:${100 * 365 * 86_400_000}` };
    case 4:
      return { ...plain, topic: "copy.out", meta: { frame_id: known, handler_id: known } };
    case 5:
      return { ...plain, topic: "http.response", meta: { request_id: known, spawn_id: "none" } };
    case 7:
      return { ...plain, topic: "feed", meta: { chunk: { of: null, index: 0, more: true } } };
    case 8:
      return { ...plain, topic: "feed", meta: { chunk: { of: chunked, index: 1, more: false } } };
    case 9:
      return { ...plain, topic: "note.long", meta: "long ".repeat(random.below(50)) };
    default:
      return plain;
  }
}

function fillOthers(db: Database, rev: string): void {
  const entry = db.query("INSERT INTO kv (key, rev, type, crc, value) VALUES (?, ?, ?, ?, ?)");
  for (let n = 0; n < 100; n++) {
    const value = n % 10 === 0 ? null : Buffer.from(`value ${n}`);
    const row = { key: `views/${n}`, rev, type: "text/plain", writer: null, value };
    entry.run(row.key, rev, row.type, kvCrc(row), value);
  }
  const stage = db.query("INSERT INTO staged (seq, uses, hash, bytes) VALUES (?, ?, ?, ?)");
  for (let n = 0; n < 20; n++) {
    const bytes = Buffer.from(`staged ${n}`);
    stage.run(3 * n + 1, n % 3, hashOf(bytes), bytes);
  }
  db.run("INSERT INTO freed VALUES (?), (?)", [
    hashOf(Buffer.from("one")),
    hashOf(Buffer.from("two")),
  ]);
  db.run("INSERT INTO answers VALUES ('key', ?, 'hash', 'line\nline')", [START * 2]);
}
