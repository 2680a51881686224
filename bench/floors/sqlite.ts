import { Database } from "bun:sqlite";
import { encodeFrame } from "../../src/core/frame.ts";
import { IdSequence, timestampOf } from "../../src/core/id.ts";
import { MARK_EVERY } from "../../src/store/sqlite/log/frame-search.ts";
import { createTables, IS_UP_TO_DATE } from "../../src/store/sqlite/schema.ts";

/** The rows of an append, written as fast as SQLite makes them durable; gives frames a second. */
export async function sqlite(job: {
  file: string;
  count: number;
  /** Frames in one commit. */
  batch: number;
}): Promise<number> {
  const db = open(job.file);
  const ids = new IdSequence();
  const begin = db.query("BEGIN IMMEDIATE");
  const commit = db.query("COMMIT");
  const frame = db.query(
    "INSERT INTO frames (seq, topic, ms, expires, crc, line) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const place = db.query("INSERT INTO by_topic (topic, seq) VALUES (?, ?)");
  const mark = db.query("INSERT INTO id_marks (id, seq) VALUES (?, ?)");
  const topic = "note";
  db.run("INSERT INTO topics (topic, name, frames) VALUES (1, ?, 0)", [topic]);
  const started = performance.now();
  for (let n = 0; n < job.count; n += job.batch) {
    begin.run();
    for (let i = 0; i < job.batch; i++) {
      const id = ids.next();
      const line = encodeFrame(id, { topic, hash: null, meta: '{"n":1}', ttl: "forever" });
      const seq = n + i + 1;
      frame.run(seq, 1, timestampOf(id), null, Bun.hash.crc32(line), line);
      place.run(1, seq);
      if (seq % MARK_EVERY === 0) mark.run(id, seq);
    }
    commit.run();
  }
  const seconds = (performance.now() - started) / 1000;
  db.close();
  return job.count / seconds;
}

/** The rows of k/v writes, each made durable alone; gives pairs a second. */
export async function sqliteKv(job: { file: string; count: number }): Promise<number> {
  const db = open(job.file);
  const ids = new IdSequence();
  const put = db.query(
    "INSERT OR REPLACE INTO kv (key, rev, type, crc, value) VALUES (?, ?, ?, ?, ?)",
  );
  const value = Buffer.from('{"n":1}');
  const started = performance.now();
  for (let n = 0; n < job.count; n++) {
    put.run(`views/${n % 1000}`, ids.next(), "application/json", 0, value);
  }
  const seconds = (performance.now() - started) / 1000;
  db.close();
  return job.count / seconds;
}

function open(file: string): Database {
  const db = new Database(file, { create: true, strict: true });
  createTables(db, IS_UP_TO_DATE);
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = FULL");
  return db;
}
