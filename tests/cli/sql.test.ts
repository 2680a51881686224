// `xs sql`: what a query sees and may not do, and how its rows are printed.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { idInLine } from "../../src/core/frame.ts";
import { timestampOf } from "../../src/core/id.ts";
import { parseTtl } from "../../src/core/ttl.ts";
import { lateId } from "../support/late.ts";
import { memoryOf } from "../support/memory.ts";
import { makeOldStore } from "../support/old-store.ts";
import { Pty } from "../support/pty.ts";
import { parseLines, startServer } from "../support/server.ts";
import { append, importFrames, sqliteEngine } from "../support/store.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

type Row = Record<string, unknown>;

const HOUR = 3_600_000;
const NEVER_ENDS =
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
/** Finds nothing, for ever. */
const SEARCHES = `${NEVER_ENDS} WHERE i < 0`;

let home: Home;
beforeAll(async () => {
  home = new Home();
  await fill(home.store);
});
afterAll(() => home[Symbol.dispose]());

/** Makes a store with frames of all kinds: an hour old, so that some have expired whose rows are there still. */
async function fill(path: string): Promise<void> {
  const start = Date.now() - HOUR;
  let now = start;
  const store = sqliteEngine(path, () => now++);
  await append(store, "note", { content: "buy milk", meta: { n: 1, s: 'a "b" ☃', big: 1 } });
  await append(store, "note", { meta: { n: 2, ttl: ',"ttl":"x' }, ttl: `time:${100 * HOUR}` });
  await append(store, "note.sub", { meta: "text", ttl: "last:3" });
  await append(store, "gone", { meta: { n: 3 }, ttl: "time:1000" });
  await append(store, "note", { meta: { n: 4 }, ttl: "time:1000" });
  await append(store, "door", { meta: [1.5, null], ttl: `until:${start + 1000 * HOUR}` });
  await store.kv.put("a/text", "text/plain; charset=utf-8", Buffer.from("värde"));
  await store.kv.put("a/json", "application/json", Buffer.from('{"x":[1,2]}'));
  await store.kv.put("a/bytes", "application/octet-stream", Buffer.from([0, 255]));
  await store.kv.put("a/deleted", "text/plain", Buffer.from("x"));
  await store.kv.delete("a/deleted");
  await store.close();
}

async function rows(query: string, store = home.store): Promise<Row[]> {
  const text = await home.ok(["sql", "-s", store, query]);
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row);
}

describe("without a query", () => {
  test("it shows the views with their columns, and ten queries that run", async () => {
    const guide = await home.ok(["sql"]);
    for (const view of [
      "frames(id, time, topic, hash, meta, ttl)",
      "kv(key, rev, time, type, size, value)",
      "topics(topic, frames, first, last)",
    ]) {
      expect(guide).toContain(view);
    }
    const queries = guide.match(/^ {2}(SELECT|WITH) .*$/gm) ?? [];
    expect(queries.length).toBe(10);
    for (const query of queries) await rows(query);
  });

  test("the columns of each view are those of the guide", async () => {
    const columns = async (view: string) =>
      Object.keys((await rows(`SELECT * FROM ${view}`))[0] ?? {});
    expect(await columns("frames")).toEqual(["id", "time", "topic", "hash", "meta", "ttl"]);
    expect(await columns("kv")).toEqual(["key", "rev", "time", "type", "size", "value"]);
    expect(await columns("topics")).toEqual(["topic", "frames", "first", "last"]);
  });
});

describe("what a query sees", () => {
  test("the frames that a read returns, with the time of their ids", async () => {
    const read = parseLines(await home.ok(["cat", home.store]));
    expect(read.map(({ topic }) => topic)).toEqual(["note", "note", "note.sub", "door"]);
    const expected = read.map(({ id, topic, hash, meta, ttl }) => ({
      id,
      time: new Date(timestampOf(id)).toISOString(),
      topic,
      hash,
      meta: meta === null ? null : JSON.stringify(meta),
      ttl,
    }));
    expect(await rows("SELECT * FROM frames")).toEqual(expected);
    for (const { topic } of read) {
      expect(await rows(`SELECT * FROM frames WHERE topic = '${topic}'`)).toEqual(
        expected.filter((row) => row.topic === topic),
      );
    }
    expect(await rows(`SELECT topic FROM frames WHERE id = '${read[3]?.id}'`)).toEqual([
      { topic: "door" },
    ]);
  });

  test("meta as it was sent, which is JSON", async () => {
    using other = new Home();
    const metas = [
      "1.0",
      "1e400",
      "12345678901234567890",
      '"\\u0041\\n☃"',
      '{"a":1,"a":2}',
      "-0",
      "[]",
    ];
    const store = sqliteEngine(other.store);
    const deep = `${"[".repeat(3000)}${"]".repeat(3000)}`;
    await importFrames(
      store,
      [...metas, deep, "null"].map((meta, n) => ({
        id: lateId(n),
        topic: "x",
        hash: null,
        meta,
        ttl: parseTtl("forever"),
      })),
    );
    await store.close();
    const found = await rows("SELECT meta FROM frames WHERE topic = 'x'", other.store);
    expect(found.map(({ meta }) => meta)).toEqual([...metas, deep, null]);
    expect(await rows("SELECT meta ->> '$.n' AS n FROM frames WHERE topic = 'note'")).toEqual([
      { n: 1 },
      { n: 2 },
    ]);
  });

  test("topics with their counts and ends, and the entries", async () => {
    const read = parseLines(await home.ok(["cat", home.store]));
    const ids = (topic: string) =>
      read.filter((frame) => frame.topic === topic).map(({ id }) => id);
    const topic = (name: string) => ({
      topic: name,
      frames: ids(name).length,
      first: ids(name)[0],
      last: ids(name).at(-1),
    });
    expect(await rows("SELECT * FROM topics ORDER BY topic")).toEqual(
      ["door", "note", "note.sub"].map(topic),
    );
    const listed = parseLines(await home.ok(["kv", "list", home.store])) as unknown as Row[];
    const values = [{ base64: "AP8=" }, '{"x":[1,2]}', "värde"];
    expect(await rows("SELECT * FROM kv")).toEqual(
      listed.map(({ key, rev, type, size }, at) => ({
        key,
        rev,
        time: new Date(timestampOf(`${rev}`)).toISOString(),
        type,
        size,
        value: values[at],
      })),
    );
    expect(await rows("SELECT value ->> '$.x[1]' AS x FROM kv WHERE key = 'a/json'")).toEqual([
      { x: 2 },
    ]);
  });

  test("frames that arrived late, in all three views", async () => {
    using other = new Home();
    const start = Date.now() - HOUR;
    let now = start;
    const store = sqliteEngine(other.store, () => now++);
    await append(store, "note", { meta: 1 });
    const late = (n: number, ttl: string, topic = "note") => ({
      id: lateId(n),
      topic,
      hash: null,
      meta: `${n}`,
      ttl: parseTtl(ttl),
    });
    await importFrames(store, [late(1, "forever"), late(2, "forever", "old")]);
    await append(store, "note", { meta: 3, ttl: "time:1000" });
    await store.close();
    const read = parseLines(await other.ok(["cat", other.store]));
    const sorted = await rows("SELECT * FROM frames ORDER BY id", other.store);
    expect(sorted.map(({ id }) => id)).toEqual(read.map(({ id }) => id));
    const notes = await rows("SELECT id FROM frames WHERE topic = 'note' ORDER BY id", other.store);
    const ids = read.filter(({ topic }) => topic === "note").map(({ id }) => id);
    expect(notes.map(({ id }) => id as string)).toEqual(ids);
    const topics = await rows("SELECT * FROM topics WHERE topic NOT LIKE 'stream%'", other.store);
    expect(topics).toEqual([
      { topic: "note", frames: 2, first: lateId(1), last: ids[1] },
      { topic: "old", frames: 1, first: lateId(2), last: lateId(2) },
    ]);
  });

  test("a damaged frame does not hide the others", async () => {
    using other = new Home();
    await fill(other.store);
    const { Database } = await import("bun:sqlite");
    const db = new Database(join(other.store, "events.db"));
    db.run(`UPDATE frames SET line = substr(line, 1, 100) WHERE seq = 1`);
    db.close();
    const found = await rows("SELECT topic, meta FROM frames", other.store);
    expect(found.map(({ topic }) => topic)).toEqual(["note", "note", "note.sub", "door"]);
  });

  test("a store of an older version, which is migrated", async () => {
    using other = new Home();
    makeOldStore(other.store, 1000);
    const { code, stdout, stderr } = await other.xs([
      "sql",
      "-s",
      other.store,
      "SELECT count(*) AS n FROM frames",
    ]);
    expect([code, stdout, stderr]).toEqual([
      0,
      '{"n":1000}\n',
      expect.stringContaining("migrating"),
    ]);
  });
});

describe("what a query is", () => {
  test.each([
    "SELECT 1 AS x;",
    "  select 1 AS x ; ; -- the end; of it",
    "/* a; comment */ SELECT 1 AS x /* another",
    "WITH t(x) AS (VALUES (1)) SELECT x FROM t",
    "SELECT x FROM (SELECT 1 AS x) -- last",
    "SELECT 1 AS x WHERE ';' = ';'",
    'SELECT 1 AS x FROM (SELECT 1 AS [;], 2 AS "--", 3 AS `/*`)',
  ])("%s", async (query) => expect(await rows(query)).toEqual([{ x: 1 }]));

  const file = "not-there";
  test.each([
    "",
    ";",
    "-- nothing",
    "hello",
    "SELECT 1; SELECT 2",
    `SELECT 1) ; ATTACH '${file}' AS z; SELECT (1`,
    "SELECT 1) UNION SELECT (2",
    `ATTACH '${file}' AS z`,
    "DETACH x",
    "PRAGMA user_version",
    "PRAGMA query_only = 0",
    "pragma frames",
    "VACUUM",
    `VACUUM INTO '${file}'`,
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "EXPLAIN SELECT 1",
    "ANALYZE",
    "REINDEX",
    "DELETE FROM frames",
    "WITH t AS (SELECT 1) DELETE FROM frames",
    "WITH t AS (SELECT 1) INSERT INTO kv SELECT * FROM t",
    "INSERT INTO frames VALUES (1)",
    "REPLACE INTO kv VALUES (1)",
    "UPDATE kv SET value = 1",
    "CREATE TABLE t (x)",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE VIRTUAL TABLE t USING fts5(x)",
    "CREATE TRIGGER t AFTER INSERT ON kv BEGIN SELECT 1; END",
    "DROP VIEW frames",
    "ALTER TABLE kv RENAME TO x",
    "SELECT ?",
    "SELECT :name",
    "SELECT nothing FROM frames",
    "SELECT * FROM nothing",
    "SELECT * FROM main.frames",
    "SELECT * FROM late",
    "SELECT * FROM by_topic",
    "SELECT * FROM staged",
    "SELECT * FROM facts",
    "SELECT * FROM answers",
    "SELECT * FROM tombstones",
    "SELECT line FROM frames",
    "SELECT expires FROM frames",
    "SELECT seq FROM frames",
    "SELECT writer FROM kv",
    "SELECT writefile('x', 'y')",
    "SELECT readfile('x')",
    "SELECT 'not closed",
    'SELECT "not closed',
    "SELECT 1 FROM",
    "SELECT (1",
    "SELECT 1\0",
  ])("refused, with 2: %s", async (query) => {
    const { code, stdout, stderr } = await home.shell(`xs sql -s "${home.store}" -`, {
      stdin: query,
    });
    expect([query, code, stdout]).toEqual([query, 2, ""]);
    expect(stderr).toMatch(/ ERROR .*xs sql/s);
    expect(stderr).not.toMatch(/should not have happened|store_[0-9a-f]|temp\./);
  });

  test.each([
    ["SELECT load_extension('x')", "not authorized"],
    ["SELECT abs(-9223372036854775808)", "integer overflow"],
    ["SELECT meta ->> '$[' FROM frames", "bad JSON path"],
    ["SELECT length(zeroblob(2000000000))", "memory"],
  ])("fails, with 1: %s", async (query, said) => {
    const { code, stderr } = await home.xs(["sql", "-s", home.store, query]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(said)]);
    expect(stderr).not.toContain("should not have happened");
  });

  test("no query finds the name of the store's own tables and gets at them", async () => {
    const names = await rows("SELECT name FROM pragma_database_list");
    const name = names.at(-1)?.name;
    expect(name).toMatch(/^store_[0-9a-f]{32}$/);
    const { code } = await home.xs(["sql", "-s", home.store, `SELECT * FROM ${name}.frames`]);
    expect(code).toBe(2);
  });
});

describe("how rows are printed in a pipe", () => {
  const values =
    "SELECT 1 AS a, 2 AS a, 1.0 AS r, 9007199254740993 AS big, -9223372036854775808 AS least, 0.1 AS f, 1e300 AS e, 9e999 AS inf, NULL AS n, x'00ff' AS blob, '' AS empty, 'a \"b\",' || char(10) || 'c' AS text, char(0) || 'x' AS nul, 3 AS '1', 4 AS __proto__";

  test("JSON lines: each column once, numbers exact, blobs in base64", async () => {
    expect(await home.ok(["sql", "-s", home.store, values])).toBe(
      '{"a":1,"a:1":2,"r":1.0,"big":9007199254740993,"least":-9223372036854775808,"f":0.1,"e":1e+300,"inf":null,"n":null,"blob":{"base64":"AP8="},"empty":"","text":"a \\"b\\",\\nc","nul":"\\u0000x","1":3,"__proto__":4}\n',
    );
  });

  test("--csv: RFC 4180, with heads", async () => {
    expect(await home.ok(["sql", "-s", home.store, "--csv", values])).toBe(
      'a,a:1,r,big,least,f,e,inf,n,blob,empty,text,nul,1,__proto__\r\n1,2,1.0,9007199254740993,-9223372036854775808,0.1,1e+300,Infinity,,AP8=,"","a ""b"",\nc",\0x,3,4\r\n',
    );
    expect(await home.ok(["sql", "-s", home.store, "--csv", "SELECT 1 AS x WHERE 0"])).toBe(
      "x\r\n",
    );
    expect(await home.ok(["sql", "-s", home.store, "SELECT 1 AS x WHERE 0"])).toBe("");
  });

  test("rows come as they are found, with flat memory, and a reader that goes ends it", async () => {
    await using running = home.start(["sql", "-s", home.store, NEVER_ENDS]);
    expect(await running.lines.take(3)).toEqual(['{"i":1}', '{"i":2}', '{"i":3}']);
    const pid = running.pid;
    await running.lines.take(100_000);
    const before = memoryOf(pid);
    await running.lines.take(1_000_000);
    expect(memoryOf(pid)).toBeLessThan(before + 100);
    const { code, stdout } = await home.shell(
      `xs sql -s "${home.store}" "${NEVER_ENDS}" | head -1; exit "\${PIPESTATUS[0]}"`,
    );
    expect([code, stdout]).toEqual([0, '{"i":1}\n']);
  });

  test("the first rows do not wait for the next ones", async () => {
    await using running = home.start([
      "sql",
      "-s",
      home.store,
      `${NEVER_ENDS} WHERE i < 3 OR i > 1e15`,
    ]);
    expect(await running.lines.take(2)).toEqual(['{"i":1}', '{"i":2}']);
  });

  test("an order that needs more than memory takes a file", async () => {
    const query = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000)
      SELECT i, hex(zeroblob(500)) || i AS x FROM n ORDER BY x DESC LIMIT -1 OFFSET 199999`;
    expect(await rows(query)).toHaveLength(1);
  });
});

describe("how a command line is read", () => {
  test("a comment before the query is a part of it, as in what the guide shows", async () => {
    expect(await rows("-- the first\nSELECT 1 AS a")).toEqual([{ a: 1 }]);
    const { code, stderr } = await home.xs(["sql", "-s", home.store, "--rows", "SELECT 1"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("there is no option --rows")]);
  });

  test("- takes the query from stdin", async () => {
    const text = await home.ok(["sql", "-s", home.store, "-"], { stdin: "SELECT 1 AS x;\n" });
    expect(text).toBe('{"x":1}\n');
  });

  test.each([
    [["SELECT", "1"], "in quotes"],
    [["./its-store", "SELECT 1"], "-s ADDR"],
    [["--csv", "--json", "SELECT 1"], "does not go with"],
    [["-s", ":3021", "SELECT 1"], "ssh"],
    [["-s", "http://user:secretsecretsecret@host:1", "SELECT 1"], "ssh"],
    [["-s", "", "SELECT 1"], "needs a value"],
    [["--limit", "3", "SELECT 1"], "--limit"],
  ])("%j", async (args, said) => {
    const { code, stderr } = await home.xs(["sql", ...args]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
    expect(stderr).not.toContain("secretsecret");
  });

  test("there is no store", async () => {
    const path = join(home.path, "nothing");
    const { code, stderr } = await home.xs(["sql", "-s", path, "SELECT 1"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`no store at ${path}`)]);
  });
});

describe("on a terminal", () => {
  async function shown(query: string, columns = 80, more: string[] = []) {
    await using pty = new Pty(["sql", "-s", home.store, ...more, query], {
      cwd: home.path,
      columns,
    });
    const code = await pty.end();
    return { code, output: pty.output, lines: pty.lines.slice(0, -1) };
  }

  test("a table: heads, numbers on the right, NULL, and blobs in hex", async () => {
    const { code, lines } = await shown(
      "SELECT 'one' AS word, 5 AS n, NULL AS none UNION ALL SELECT 'eleven', 1000, x'00ff'",
    );
    expect([code, lines]).toEqual([
      0,
      ["word       n  none", "one        5  NULL", "eleven  1000  x'00ff'"],
    ]);
    expect((await shown("SELECT 1 AS x WHERE 0")).lines).toEqual(["x"]);
  });

  test("it is cut to the width, and obeys nothing", async () => {
    const { output, lines } = await shown(
      "SELECT 12345 AS n, char(27) || '[2J' || char(8238) || 'evil' || char(10) || 'x' AS bad, hex(zeroblob(500)) AS long, 99 AS last",
      60,
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal obeys these characters.
    expect(output.replaceAll(/\x1b\[[0-9;]*m/g, "")).not.toMatch(/[\x1b\u202e]/);
    expect(lines.length).toBe(2);
    for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(60);
    expect(lines[1]).toMatch(/^12345 {2}\\u\{1b\}.*… {2}0+… {4}99$/);
    const many = Array.from({ length: 100 }, (_, n) => `'column ${n}' AS c${n}`).join(", ");
    for (const line of (await shown(`SELECT ${many}`)).lines) {
      expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
    }
    for (const form of ["--json", "--csv"]) {
      const text = (await shown("SELECT char(27) || '[2J' AS x", 80, [form])).output;
      expect(text).not.toContain("\x1b[2J");
    }
  });

  test("ids and times stay whole where other texts can shrink", async () => {
    const [{ id, time } = {}] = await rows("SELECT id, time FROM frames");
    const { lines } = await shown("SELECT *, hex(zeroblob(99)) AS x FROM frames", 120);
    expect(lines.length).toBe(5);
    for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(120);
    expect(lines[1]).toContain(`${id}  ${time}`);
  });

  test.each([
    ["with rows", NEVER_ENDS],
    ["without", SEARCHES],
  ])("Ctrl-C ends what never ends, %s", async (_, query) => {
    await using pty = new Pty(["sql", "-s", home.store, query], { cwd: home.path, keeps: 10_000 });
    if (query === NEVER_ENDS) await pty.shows("1234");
    else await isBusy(pty.pid);
    pty.type("\x03");
    expect(await pty.end()).toBe("SIGINT");
  });
});

/** Waits until a process has used so much time that it must be at its query. */
async function isBusy(pid: number): Promise<void> {
  const { readFileSync } = await import("node:fs");
  await until("the query to run", () => {
    const [utime] =
      readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ").slice(11) ?? [];
    return Number(utime) > 50;
  });
}

describe("beside others", () => {
  test("a query that never ends keeps nobody from the store", async () => {
    using other = new Home();
    await fill(other.store);
    await using running = other.start(["sql", "-s", other.store, SEARCHES]);
    await isBusy(running.pid);
    await other.ok(["append", other.store, "note", "x"]);
    await other.ok(["verify", other.store]);
    expect(await rows("SELECT count(*) AS n FROM frames", other.store)).toEqual([{ n: 5 }]);
  });

  test("a busy server: all that was acknowledged before, and nothing that is not durable", async () => {
    using other = new Home();
    await using server = await startServer(other.store);
    let acknowledged = 0;
    let stop = false;
    const writers = Array.from({ length: 16 }, async (_, writer) => {
      while (!stop) {
        await server.append("tick", "", { "xs-meta": `${writer}` });
        acknowledged++;
      }
    });
    for (let n = 0; n < 10; n++) {
      const least = acknowledged;
      const found = await rows("SELECT id FROM frames WHERE topic = 'tick'", other.store);
      expect(found.length).toBeGreaterThanOrEqual(least);
      const last = found.at(-1)?.id as string | undefined;
      if (last !== undefined) expect((await server.fetch(`/${last}`)).status).toBe(200);
    }
    stop = true;
    await Promise.all(writers);
    const counts = "SELECT frames FROM topics WHERE topic = 'tick'";
    expect(await rows(counts, other.store)).toEqual([{ frames: acknowledged }]);
    expect(await rows(counts, join(other.store, "sock"))).toEqual([{ frames: acknowledged }]);
    await server.stop("SIGKILL");
    expect(await rows(counts, other.store)).toEqual([{ frames: acknowledged }]);
    const read = (await other.ok(["cat", other.store, "-T", "tick"])).trim().split("\n");
    const found = await rows("SELECT id FROM frames WHERE topic = 'tick'", other.store);
    expect(found.map(({ id }) => id)).toEqual(read.map(idInLine));
    await other.ok(["verify", other.store]);
  });

  test("a server that hangs is named", async () => {
    using other = new Home();
    await using server = await startServer(other.store);
    process.kill(server.pid, "SIGSTOP");
    try {
      const { code, stderr } = await other.xs(["sql", "-s", other.store, "SELECT 1"]);
      expect([code, stderr]).toEqual([1, expect.stringContaining("does not answer")]);
    } finally {
      process.kill(server.pid, "SIGCONT");
    }
    expect(await rows("SELECT 1 AS x", other.store)).toEqual([{ x: 1 }]);
  });

  test("a socket elsewhere is no store", async () => {
    using other = new Home();
    const socket = join(other.path, "exposed");
    await using server = await startServer(other.store, { args: ["--expose", socket] });
    await server.listensAt("expose");
    const { code, stderr } = await other.xs(["sql", "-s", socket, "SELECT 1"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("ssh")]);
  });
});

test("it is among the commands that people use", async () => {
  expect(await home.ok(["help"])).toMatch(/^ {2}sql +/m);
});
