import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { hashOf } from "../../src/core/hash.ts";
import { parseLines, type Server, startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** A store with, or without, a server on it. */
class Place implements AsyncDisposable {
  readonly home = new Home();
  readonly store = this.home.store;
  #server: Server | undefined;

  async open(served: boolean): Promise<this> {
    if (served) this.#server = await startServer(this.store);
    else await this.home.makeStore();
    return this;
  }

  async append(topic: string, stdin: string | Uint8Array = "", ...flags: string[]): Promise<Frame> {
    return JSON.parse(await this.home.ok(["append", this.store, topic, ...flags], { stdin }));
  }

  async read(...args: string[]): Promise<Frame[]> {
    const [verb = "", ...rest] = args;
    const frames = parseLines(await this.home.ok([verb, this.store, ...rest]));
    return frames.filter(({ topic }) => topic !== "stream.cross.start");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using _home = this.home;
    await this.#server?.[Symbol.asyncDispose]();
  }
}

describe.each([
  ["with a server", true],
  ["without a server", false],
])("%s", (_, served) => {
  const place = () => new Place().open(served);

  test("append prints the frame, cat and tac the log, and nothing else", async () => {
    await using at = await place();
    const a = await at.append("a", "1", "--meta", '{"ü":"→"}');
    const b = await at.append("b.c", "", "--ttl", "last:3");
    const c = await at.append("b.c", "2", "--with-timestamp");
    expect(a).toMatchObject({ topic: "a", hash: hashOf(Buffer.from("1")), meta: { ü: "→" } });
    expect(b).toMatchObject({ hash: null, meta: null, ttl: "last:3" });
    expect(Object.keys(c).at(-1)).toBe("timestamp");
    const ids = async (...args: string[]) => (await at.read(...args)).map(({ id }) => id);
    expect(await ids("cat")).toEqual([a.id, b.id, c.id]);
    expect(await ids("tac")).toEqual([c.id, b.id, a.id]);
    expect(await ids("cat", "--topic", "b.*")).toEqual([b.id, c.id]);
    expect(await ids("cat", "-T", "a,b.c", "--limit", "2")).toEqual([a.id, b.id]);
    expect(await ids("last", "a,b.*")).toEqual([c.id]);
    expect(await ids("last", "a,b.*", "2")).toEqual([b.id, c.id]);
    expect(await ids("first", "b.c,a")).toEqual([a.id]);
    expect(await ids("cat", "--last", "1")).toEqual([c.id]);
    expect(await ids("cat", "--last-id", a.id)).toEqual([b.id, c.id]);
    expect(await ids("cat", "-a", a.id)).toEqual([b.id, c.id]);
    expect(await ids("cat", "--after", b.id)).toEqual([c.id]);
    expect(await ids("cat", "--from", b.id)).toEqual([b.id, c.id]);
    expect(await ids("tac", "--last-id", b.id)).toEqual([a.id]);
    expect(await ids("tac", "--limit", "1")).toEqual([c.id]);
    const [first] = await at.read("cat", "--topic=a", "--with-timestamp");
    expect(Object.keys(first ?? {}).at(-1)).toBe("timestamp");
  });

  test("get, next and previous print one frame, remove takes it away", async () => {
    await using at = await place();
    const a = await at.append("a");
    const b = await at.append("b");
    const c = await at.append("a");
    expect(await at.read("get", b.id)).toEqual([b]);
    expect(await at.read("next", a.id)).toEqual([b]);
    expect(await at.read("next", a.id, "--topic", "a")).toEqual([c]);
    expect(await at.read("previous", c.id)).toEqual([b]);
    expect(await at.read("previous", c.id, "-T", "a")).toEqual([a]);
    for (let n = 0; n < 2; n++) expect(await at.home.ok(["remove", at.store, b.id])).toBe("");
    const { code, stdout, stderr } = await at.home.xs(["get", at.store, b.id]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(b.id);
    expect((await at.home.xs(["next", at.store, c.id])).code).toBe(1);
    expect(await at.read("next", a.id)).toEqual([c]);
  });

  test("first and last print one frame or COUNT of them, oldest first", async () => {
    await using at = await place();
    const a = await at.append("a", "1");
    const b = await at.append("b", "2");
    const c = await at.append("a", "3");
    expect(await at.read("last")).toEqual([c]);
    expect(await at.read("last", "a")).toEqual([c]);
    expect(await at.read("last", "b")).toEqual([b]);
    expect(await at.read("last", "2")).toEqual([b, c]);
    expect(await at.read("last", "a", "5")).toEqual([a, c]);
    expect(await at.read("first", "a")).toEqual([a]);
    expect(await at.read("first", "a", "2")).toEqual([a, c]);
    const { code, stdout } = await at.home.xs(["last", at.store, "nobody"]);
    expect([code, stdout]).toEqual([1, ""]);
  });

  test("content goes in and comes out byte for byte, whatever its size", async () => {
    await using at = await place();
    for (const size of [0, 1, 65536, 65537, 300 * 1024]) {
      const bytes = Uint8Array.from({ length: size }, (_, n) => (n * 7 + (n >> 8)) % 256);
      const hash = hashOf(bytes);
      const { id, ...frame } = await at.append("blob", bytes);
      expect(frame.hash).toBe(size === 0 ? null : hash);
      expect(await at.home.ok(["cas-post", at.store], { stdin: bytes })).toBe(`${hash}\n`);
      const reads =
        size === 0
          ? [["cas", at.store, hash]]
          : [
              ["cas", at.store, hash],
              ["content", at.store, id],
            ];
      for (const args of reads) {
        const outcome = await at.home.xs(args);
        expect([args, outcome.code]).toEqual([args, 0]);
        expect(Buffer.compare(outcome.bytes, bytes)).toBe(0);
      }
    }
  });

  test("content that is not there is exit 1, with a message and no output", async () => {
    await using at = await place();
    const { id } = await at.append("note");
    for (const args of [
      ["content", at.store, id],
      ["cas", at.store, hashOf(Buffer.from("never"))],
    ]) {
      const { code, stdout, stderr } = await at.home.xs(args);
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(/\S/);
    }
  });

  test("import prints one frame back, and twice is the same as once", async () => {
    await using at = await place();
    const line = `{"topic":"old","id":"03aaaaaaaaaaaaaaaaaaaaaaa","hash":null,"meta":7,"ttl":"forever"}`;
    for (let n = 0; n < 2; n++) {
      expect(await at.home.ok(["import", at.store], { stdin: `${line}\n` })).toBe(`${line}\n`);
    }
    expect(await at.read("cat", "--topic", "old")).toEqual([JSON.parse(line)]);
    const { code, stdout, stderr } = await at.home.xs(["import", at.store], { stdin: "nonsense" });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("line 1");
  });

  test("version tells the version", async () => {
    await using at = await place();
    const own = await at.home.ok(["version"]);
    expect(own).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await at.home.ok(["version", at.store])).toBe(own);
    expect(await at.home.ok(["--version"])).toBe(own);
  });

  test("a topic of the runtime and a ttl that is none are refused", async () => {
    await using at = await place();
    for (const args of [
      ["append", at.store, "stream.cross.start"],
      ["append", at.store, "note", "--ttl", "never"],
      ["append", at.store, "note", "--meta", "{"],
      ["append", at.store, "a..b"],
    ]) {
      const { code, stdout, stderr } = await at.home.xs(args);
      expect([args, code, stdout]).toEqual([args, 2, ""]);
      expect(stderr).toContain("Usage: xs append");
    }
    expect(await at.read("cat")).toEqual([]);
  });
});

test("two processes that append at once with no server both succeed", async () => {
  using home = new Home();
  await home.makeStore();
  const appends = Array.from({ length: 8 }, (_, n) => {
    return home.ok(["append", home.store, "note"], { stdin: String(n) });
  });
  const lines = await Promise.all(appends);
  expect((await home.ok(["cat", home.store])).split("\n").sort()).toEqual(
    lines.join("").split("\n").sort(),
  );
});

test("append makes the store where there is none, a read does not", async () => {
  using home = new Home();
  for (const verb of ["cat", "tac", "last", "first"]) {
    const { code, stdout, stderr } = await home.xs([verb, home.store]);
    expect([verb, code, stdout]).toEqual([verb, 1, ""]);
    expect(stderr).toContain(home.store);
  }
  await home.ok(["append", home.store, "note"]);
  expect(await home.topics(home.store)).toEqual(["note"]);
});

test("a following read without a server says how to start one", async () => {
  using home = new Home();
  await home.makeStore();
  for (const args of [
    ["cat", home.store, "--follow"],
    ["last", home.store, "note", "--follow"],
  ]) {
    const { code, stdout, stderr } = await home.xs(args);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("xs serve");
  }
});
