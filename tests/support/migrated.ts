import { Database } from "bun:sqlite";
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { idInLine } from "../../src/core/frame.ts";
import { timestampOf } from "../../src/core/id.ts";
import { firstChunkOf, LINKS } from "../../src/core/links.ts";
import { crcOf } from "../../src/store/sqlite/log/frame-row.ts";

interface Expected {
  /** How many frames are damaged. */
  readonly damaged?: number;
  /** It was open since, so that content has gone to files, and what was due has gone. */
  readonly opened?: boolean;
}

/** Compares a store that was migrated with a copy of its database from before, row by row. */
export function expectMigrated(
  store: string,
  before: string,
  { damaged = 0, opened = false }: Expected = {},
): void {
  for (const end of ["-next", "-next-journal"]) {
    expect([end, existsSync(join(store, `events.db${end}`))]).toEqual([end, false]);
  }
  const db = new Database(join(store, "events.db"), { strict: true });
  try {
    db.run("ATTACH ? AS old", [before]);
    const one = (sql: string) => (db.query(sql).values()[0] ?? [])[0];
    expect(one("PRAGMA user_version")).toBe(3);
    expect(one("PRAGMA auto_vacuum")).toBe(2);
    expect(one("PRAGMA integrity_check")).toBe("ok");
    const frames = one("SELECT count(*) FROM old.frames") as number;
    expect(one("SELECT count(*) || ' ' || coalesce(max(seq), 0) FROM frames")).toBe(
      `${frames} ${frames}`,
    );
    // Byte for byte, in the order of ids.
    db.run("CREATE TEMP TABLE sorted (seq INTEGER PRIMARY KEY, id, expires, crc, frame)");
    db.run("INSERT INTO sorted SELECT NULL, id, expires, crc, frame FROM old.frames ORDER BY id");
    expect(
      one(
        `SELECT count(*) FROM sorted JOIN frames USING (seq) WHERE frames.expires IS NOT sorted.expires OR CAST(line AS BLOB) IS NOT CAST(frame AS BLOB)`,
      ),
    ).toBe(0);
    // Each under its topic, and under minus that with a "last:" ttl; nothing else is there.
    const named = `SELECT topic, s.seq FROM old.scopes JOIN sorted AS s USING (id)
      JOIN topics ON name = scope`;
    const kept = `SELECT -topic, seq FROM frames WHERE line LIKE '%,"ttl":"last:%'`;
    const differ = (one: string, other: string) =>
      db
        .query(`SELECT count(*) AS n FROM (SELECT * FROM (${one}) EXCEPT SELECT * FROM (${other}))`)
        .get() as { n: number };
    const byTopic = "SELECT topic, seq FROM by_topic";
    expect(differ(`${named} UNION ALL ${kept}`, byTopic).n).toBe(0);
    expect(differ(byTopic, `${named} UNION ALL ${kept}`).n).toBe(0);
    expect(differ("SELECT topic, seq FROM frames", byTopic).n).toBe(0);
    expect(
      differ(
        "SELECT topic, frames FROM topics",
        "SELECT topic, count(*) FROM by_topic WHERE topic > 0 GROUP BY topic",
      ).n,
    ).toBe(0);
    expect(one("SELECT count(*) FROM topics")).toBe(
      one("SELECT count(DISTINCT topic) FROM by_topic WHERE topic > 0"),
    );
    expectLinks(db, damaged);
    if (!opened) expectOthers(db);
  } finally {
    db.close();
  }
}

interface Row {
  readonly seq: number;
  readonly ms: number;
  readonly crc: number;
  readonly line: string;
  /** Its checksum before. */
  readonly old: number;
}

/** Recomputes what is taken from the lines. */
function expectLinks(db: Database, damaged: number): void {
  const has = db.query("SELECT 1 FROM links WHERE id = ? AND kind = ? AND seq = ?");
  let links = 0;
  let unsound = 0;
  const rows = db.query(
    "SELECT seq, ms, frames.crc, line, s.crc AS old FROM frames JOIN sorted AS s USING (seq)",
  );
  for (const row of rows.iterate()) {
    const { seq, ms, crc, line, old } = row as Row;
    if (crcOf(line, seq) !== crc) {
      unsound++;
      if (crc !== old) throw new Error(`${line} has the checksum ${crc}`);
      continue;
    }
    if (ms !== timestampOf(idInLine(line))) throw new Error(`${line} has the time ${ms}`);
    const of = firstChunkOf(line);
    if (of !== undefined) {
      links++;
      if (!has.get(of, LINKS.chunk, seq)) throw new Error(`${line} has no link`);
    }
  }
  expect(unsound).toBe(damaged);
  expect((db.query("SELECT count(*) AS n FROM links").get() as { n: number }).n).toBe(links);
}

function expectOthers(db: Database): void {
  const { user_version: version } = db.query("PRAGMA old.user_version").get() as {
    user_version: number;
  };
  const rows = (sql: string) => db.query(sql).values();
  const staged = version === 1 ? "seq, 1, hash, bytes" : "seq, uses, hash, bytes";
  expect(rows("SELECT seq, uses, hash, bytes FROM staged")).toEqual(
    rows(`SELECT ${staged} FROM old.staged`),
  );
  expect(rows("SELECT * FROM facts WHERE key <> 'counted'")).toEqual(
    rows("SELECT * FROM old.facts"),
  );
  expect(rows("SELECT value FROM facts WHERE key = 'counted'")).toEqual(
    rows("SELECT CAST(count(*) AS TEXT) FROM frames"),
  );
  for (const name of ["late", "tombstones"]) expect(rows(`SELECT * FROM ${name}`)).toEqual([]);
  if (version === 1) return;
  expect(rows("SELECT key, rev, type, crc, writer, value FROM kv")).toEqual(
    rows("SELECT key, rev, type, crc, NULL, value FROM old.kv"),
  );
  expect(rows("SELECT * FROM gc_candidates")).toEqual(rows("SELECT * FROM old.freed"));
  expect(rows("SELECT * FROM answers")).toEqual(rows("SELECT * FROM old.answers"));
  expect(rows("SELECT * FROM growing")).toEqual(rows("SELECT * FROM old.growing"));
}
