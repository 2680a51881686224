import { describe, expect, test } from "bun:test";
import { readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { hashOf } from "../../src/core/hash.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import { ContentFiles } from "../../src/store/sqlite/content/cacache-files.ts";
import { kvCrc } from "../../src/store/sqlite/kv/entry-row.ts";
import type { Store } from "../../src/store/store.ts";
import { damagePage, edit } from "../support/damage.ts";
import { append, importFrames, problemsOf, readAll, sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";

const OTHER = "03hadtdyn9s2dxl5soli9q9dz";
const bytes = (text: string) => new TextEncoder().encode(text);

/** A closed store with a bit of everything. */
class Sample {
  readonly path = `${tempDir()}/store`;
  readonly frames: Frame[] = [];
  readonly contents = ["small", "x".repeat(100_000), "other"];
  readonly keys = ["first", "second", "third"];

  static async make(): Promise<Sample> {
    const sample = new Sample();
    const store = sqliteEngine(sample.path);
    for (const [n, content] of sample.contents.entries()) {
      sample.frames.push(await append(store, `a.t${n}`, { meta: { n }, content }));
    }
    for (const key of sample.keys) await store.kv.put(key, "text/plain", bytes(key));
    await store.close();
    return sample;
  }

  frame(n: number): Frame {
    return this.frames[n] as Frame;
  }

  hash(n: number): string {
    return hashOf(bytes(this.contents[n] ?? ""));
  }

  file(n: number): string {
    return new ContentFiles(join(this.path, "cacache")).pathOf(this.hash(n));
  }

  digest(hash: string): Buffer {
    return Buffer.from(hash.slice("sha256-".length), "base64");
  }

  /** What can be read, of what was written; everything that comes must be as it was. */
  async readable(store: Store): Promise<{ frames: number[]; contents: number[]; keys: string[] }> {
    type Text = string | undefined;
    const got = async (read: () => Text | Promise<Text>, wanted: string) => {
      let value: Text;
      try {
        value = await read();
      } catch {
        return false;
      }
      if (value !== undefined) expect(value).toBe(wanted);
      return value !== undefined;
    };
    const found = { frames: [] as number[], contents: [] as number[], keys: [] as string[] };
    for (const [n, frame] of this.frames.entries()) {
      if (await got(() => store.get(frame.id), JSON.stringify(frame))) found.frames.push(n);
    }
    for (const [n, content] of this.contents.entries()) {
      const open = async () => (await store.content.open(this.hash(n)))?.text();
      if (await got(open, content)) found.contents.push(n);
    }
    for (const key of this.keys) {
      const text = async () => {
        const pair = await store.kv.get(key);
        return pair && Buffer.from(pair.value).toString();
      };
      if (await got(text, key)) found.keys.push(key);
    }
    return found;
  }
}

interface Damage {
  name: string;
  change(sample: Sample): void;
  problems(sample: Sample): string[];
  /** What cannot be read any more. */
  lost?: { frame?: number; content?: number; key?: string };
  /** How many frames it counts after one more came, where that is wrong. */
  counts?: number;
}

const setRev = (sample: Sample, rev: string) =>
  edit(sample.path, (db) => {
    const value = bytes("second");
    const crc = kvCrc({ key: "second", rev, type: "text/plain", writer: null, value });
    db.run("UPDATE kv SET rev = ?, crc = ? WHERE key = 'second'", [rev, crc]);
  });

const DAMAGES: Damage[] = [
  {
    name: "a flipped byte in a content file",
    change(sample) {
      const content = readFileSync(sample.file(1));
      content[77_777] = (content[77_777] ?? 0) ^ 1;
      writeFileSync(sample.file(1), content);
    },
    problems: (sample) => [`content ${sample.hash(1)}: is damaged`],
    lost: { content: 1 },
  },
  {
    name: "a content file that is cut off",
    change: (sample) => writeFileSync(sample.file(0), "sma"),
    problems: (sample) => [`content ${sample.hash(0)}: is damaged`],
    lost: { content: 0 },
  },
  {
    name: "a missing content file",
    change: (sample) => unlinkSync(sample.file(0)),
    problems: (sample) => [
      `content ${sample.hash(0)} of the frame ${sample.frame(0).id}: is missing`,
    ],
    lost: { content: 0 },
  },
  {
    name: "an index entry without its frame",
    change: (sample) =>
      edit(sample.path, (db) => db.run("INSERT INTO by_topic (topic, seq) VALUES (2, 77)")),
    problems: () => ["index: topic 2 names the row 77, which is not there"],
  },
  {
    name: "an index entry in the wrong place",
    change: (sample) =>
      edit(sample.path, (db) => db.run("INSERT INTO by_topic (topic, seq) VALUES (7, 2)")),
    problems: () => ["index: topic 7 names the row 2, which does not belong there"],
  },
  {
    name: "a frame without its index entry",
    change: (sample) =>
      edit(sample.path, (db) => db.run("DELETE FROM by_topic WHERE topic = 2 AND seq = 2")),
    problems: (sample) => [`frame ${sample.frame(1).id}: is not indexed under its topic`],
  },
  {
    name: "a topic that is counted wrong",
    change: (sample) =>
      edit(sample.path, (db) => {
        db.run("INSERT INTO facts (key, value) VALUES ('counted', '3')");
        db.run("UPDATE topics SET frames = topic");
      }),
    problems: () => [
      'topic "a.t1": has 1 frames, and is counted as 2',
      'topic "a.t2": has 1 frames, and is counted as 3',
    ],
    counts: 7,
  },
  {
    name: "a revision that is no id",
    change: (sample) => setRev(sample, "not an id"),
    problems: () => ['key "second": its revision not an id is not an id'],
  },
  {
    name: "a revision that was never given",
    change: (sample) => setRev(sample, "04hadtdyn9s2dxl5soli9q9dz"),
    problems: () => ['key "second": its revision 04hadtdyn9s2dxl5soli9q9dz was never given'],
  },
  {
    name: "a revision that is another",
    change: (sample) =>
      edit(sample.path, (db) => db.run("UPDATE kv SET rev = ? WHERE key = 'second'", [OTHER])),
    problems: () => ['key "second": does not match its checksum'],
    lost: { key: "second" },
  },
  {
    name: "a changed value",
    change: (sample) =>
      edit(sample.path, (db) => db.run("UPDATE kv SET value = x'00' WHERE key = 'second'")),
    problems: () => ['key "second": does not match its checksum'],
    lost: { key: "second" },
  },
  {
    name: "a changed frame line",
    change: (sample) =>
      edit(sample.path, (db) =>
        db.run(`UPDATE frames SET line = replace(line, '"n":1', '"n":7') WHERE seq = 2`),
      ),
    problems: (sample) => [`frame ${sample.frame(1).id}: does not match its checksum`],
    lost: { frame: 1 },
  },
  {
    name: "a wrong expiry",
    change: (sample) =>
      edit(sample.path, (db) => db.run("UPDATE frames SET expires = 9999999999999 WHERE seq = 2")),
    problems: (sample) => [`frame ${sample.frame(1).id}: has a wrong expiry`],
  },
  {
    name: "a damaged staged row",
    change(sample) {
      unlinkSync(sample.file(0));
      edit(sample.path, (db) =>
        db.run("INSERT INTO staged (hash, bytes) VALUES (?, x'00')", [sample.hash(0)]),
      );
    },
    problems: (sample) => [`content ${sample.hash(0)}: is damaged, in the database`],
    lost: { content: 0 },
  },
  {
    name: "content that cacache does not find",
    change: (sample) => rmSync(join(sample.path, "cacache", "index-v5"), { recursive: true }),
    problems: (sample) =>
      [0, 1, 2]
        .map((n) => sample.hash(n))
        .sort((a, b) => sample.digest(a).compare(sample.digest(b)))
        .map((hash) => `content ${hash}: is not in the index of cacache`),
  },
  {
    name: "something that is no hash where the hashes of removed frames are",
    change: (sample) =>
      edit(sample.path, (db) => db.run("INSERT INTO gc_candidates (hash) VALUES ('sha256-AAAA')")),
    problems: () => ["gc_candidates: sha256-AAAA is not a hash"],
  },
];

describe.each(DAMAGES)("$name", ({ change, problems, lost = {}, counts = 4 }) => {
  test("is named, alone; the rest is there, nothing wrong is given, and the store goes on", async () => {
    const sample = await Sample.make();
    change(sample);
    const store = sqliteEngine(sample.path);
    expect(await problemsOf(store)).toEqual(problems(sample));
    const all = { frames: [0, 1, 2], contents: [0, 1, 2], keys: sample.keys };
    const found = await sample.readable(store);
    const rest = {
      frames: all.frames.filter((n) => n !== lost.frame),
      contents: all.contents.filter((n) => n !== lost.content),
      keys: all.keys.filter((key) => key !== lost.key),
    };
    expect(found).toEqual(rest);
    const more = await append(store, "a.more", { content: "more" });
    expect(await readAll(store, { topics: ["a.more"] })).toEqual([more]);
    expect(store.metrics.frames).toBe(counts);
    await store.close();
    const again = sqliteEngine(sample.path);
    expect(await problemsOf(again)).toEqual(problems(sample));
    await again.close();
  });
});

const ROWS = 1000;

/** A closed store in which every table has many pages. */
async function makeLarge(path: string): Promise<Frame[]> {
  const store = sqliteEngine(path);
  const frames = await Promise.all(
    Array.from({ length: ROWS }, (_, n) =>
      append(store, "a.b", { meta: { n, pad: "p".repeat(100) }, ttl: `time:${10 ** 12 + n}` }),
    ),
  );
  await Promise.all(
    Array.from({ length: ROWS }, (_, n) => store.kv.put(`key ${n}`, "", bytes("v".repeat(100)))),
  );
  await store.close();
  edit(path, (db) => {
    const stage = db.query("INSERT INTO staged (hash, bytes) VALUES (?, ?)");
    const free = db.query("INSERT INTO gc_candidates (hash) VALUES (?)");
    for (let n = 0; n < ROWS; n++) {
      const content = bytes(`content ${n} ${"c".repeat(100)}`);
      stage.run(hashOf(content), content);
      free.run(hashOf(bytes(`gone ${n}`)));
    }
  });
  return frames;
}

describe("a page of the database that is damaged", () => {
  test.each([
    ["frames", "frames after"],
    ["by_topic", "by_topic after"],
    ["kv", "kv after"],
    ["staged", ""],
    ["gc_candidates", "gc_candidates after"],
    ["frames_by_expiry", ""],
  ])("%s: is named, and what is on other pages is there", async (name, problem) => {
    const path = `${tempDir()}/store`;
    const frames = await makeLarge(path);
    damagePage(path, name);
    if (name === "staged") {
      // How much is staged is counted when the store opens.
      expect(() => sqliteEngine(path)).toThrow("cannot be opened");
      return;
    }
    const store = sqliteEngine(path);
    let failure: Error | undefined;
    void store.failure.then((error) => {
      failure = error;
    });
    const problems = await problemsOf(store);
    expect(problems).toContainEqual(expect.stringMatching(/^database: .*page/i));
    expect(problems).toContainEqual(expect.stringContaining(problem));

    const lost = frames.filter(({ id }) => {
      try {
        expect(store.get(id)).toBeDefined();
        return false;
      } catch {
        return true;
      }
    });
    expect([lost.length > 0, lost.length < 100]).toEqual([name === "frames", true]);
    for (const frame of lost) {
      expect(problems).toContainEqual(
        expect.stringContaining(`frame in row ${frames.indexOf(frame) + 1}: cannot be read`),
      );
    }
    const [before, after] = [frames.indexOf(lost[0] as Frame), lost.at(-1)?.id];
    if (before > 0 && after) {
      expect(await readAll(store, { limit: before })).toEqual(frames.slice(0, before));
      expect(await readAll(store, { after })).toEqual(frames.slice(before + lost.length));
      await expect(readAll(store)).rejects.toThrow("the database is damaged");
      await expect(store.upkeep.collect()).rejects.toThrow("the database is damaged");
    }
    const keys = Array.from({ length: ROWS }, (_, n) => `key ${n}`).filter((key) => {
      try {
        return store.kv.getNow(key) !== undefined;
      } catch (error) {
        expect((error as Error).message).toContain("the database is damaged");
        return false;
      }
    });
    expect(keys.length === ROWS).toBe(name !== "kv");
    expect(keys.length).toBeGreaterThan(ROWS - 100);
    // What the server does by itself, every second, must not bring it down. Where it fails it leaves
    // no trace that could be waited for.
    await Bun.sleep(1100);
    const more = await append(store, "more", { content: "more" });
    expect(await readAll(store, { topics: ["more"] })).toEqual([more]);
    expect(await (await store.content.open(more.hash ?? ""))?.text()).toBe("more");
    await store.close();
    expect(failure).toBeUndefined();
  });
});

test("a store whose newest id is no id cannot be opened, and says so", async () => {
  const { path } = await Sample.make();
  edit(path, (db) => db.run("UPDATE facts SET value = 'nonsense'"));
  expect(() => sqliteEngine(path)).toThrow("cannot be opened");
});

test("a damaged frame can be removed and imported again", async () => {
  const sample = await Sample.make();
  const { id, topic } = sample.frame(1);
  edit(sample.path, (db) => {
    // So that neither its ttl nor its topic tells what it is indexed under.
    db.run("UPDATE frames SET line = replace(line, 'a.t1', 'b.t1') WHERE seq = 2");
  });
  const store = sqliteEngine(sample.path);
  expect(() => store.get(id)).toThrow("is damaged: restore it with an import");
  expect(store.metrics.frames).toBe(3);
  expect(await store.remove(id)).toBe(true);
  expect(await problemsOf(store)).toEqual([]);
  expect(store.metrics.frames).toBe(2);
  const again = { id, topic, hash: sample.hash(1), meta: '{"n":1}', ttl: FOREVER };
  expect(await importFrames(store, [again])).toEqual({ frames: 1, added: 1 });
  expect(store.get(id)).toBe(JSON.stringify(sample.frame(1)));
  expect(await problemsOf(store)).toEqual([]);
  await store.close();
});

test("a frame whose index entry outlived it can be imported again", async () => {
  const sample = await Sample.make();
  const { id, topic } = sample.frame(1);
  edit(sample.path, (db) => db.run("DELETE FROM frames WHERE seq = 2"));
  const store = sqliteEngine(sample.path);
  await importFrames(store, [{ id, topic, hash: sample.hash(1), meta: '{"n":1}', ttl: FOREVER }]);
  expect((await readAll(store)).slice(0, 3)).toEqual(sample.frames);
  expect(await readAll(store, { topics: [topic] })).toEqual([sample.frame(1)]);
  expect(await problemsOf(store)).toEqual(["index: topic 2 names the row 2, which is not there"]);
  await store.close();
});

test("a frame is not lost to an expiry that is not its own", async () => {
  const sample = await Sample.make();
  edit(sample.path, (db) => db.run("UPDATE frames SET expires = 1"));
  // A store that closes removes what has expired.
  await sqliteEngine(sample.path).close();
  const store = sqliteEngine(sample.path);
  expect(await readAll(store)).toEqual(sample.frames);
  expect(await problemsOf(store)).toEqual([]);
  await store.close();
});

test("damaged staged content is mended when it is appended again", async () => {
  const sample = await Sample.make();
  unlinkSync(sample.file(0));
  edit(sample.path, (db) =>
    db.run("INSERT INTO staged (hash, bytes) VALUES (?, x'00')", [sample.hash(0)]),
  );
  const store = sqliteEngine(sample.path);
  await expect(store.content.open(sample.hash(0))).rejects.toThrow("append it again to mend it");
  await append(store, "again", { content: sample.contents[0] ?? "" });
  expect(await (await store.content.open(sample.hash(0)))?.text()).toBe("small");
  expect(await problemsOf(store)).toEqual([]);
  await store.close();
});

test("nothing is freed where a damaged row may have named it", async () => {
  for (const [table, error] of [
    ["frames", "stored frame"],
    ["kv", "stored value"],
  ] as const) {
    const sample = await Sample.make();
    edit(sample.path, (db) => db.run(`UPDATE ${table} SET crc = crc + 1`));
    const store = sqliteEngine(sample.path);
    const gone = await append(store, "gone", { ttl: "last:1", content: "gone" });
    await append(store, "gone", { ttl: "last:1" });
    await expect(store.upkeep.collect()).rejects.toThrow(error);
    expect(store.content.has(gone.hash ?? "")).toBe(true);
    await store.close();
  }
});
