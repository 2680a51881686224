import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { contentEntry, FRAMES, PROBLEMS } from "../../src/core/export-format.ts";
import { hashOf } from "../../src/core/hash.ts";
import { packId } from "../../src/core/id.ts";
import { ContentFiles } from "../../src/store/sqlite/content/cacache-files.ts";
import { startServer } from "../support/server.ts";
import { entriesIn, interrupted, makeTar } from "../support/tar.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

const LARGE = Buffer.alloc(3_000_000, "0123456789abcde");
const BINARY = Buffer.from(Array.from({ length: 256 }, (_, n) => n));

/** A user with a store that has some frames. */
async function furnished(): Promise<Home> {
  const home = new Home();
  await home.ok(["append", home.store, "note"], { stdin: "hi" });
  await home.ok(["append", home.store, "binary", "--meta", '{"ü":"→"}'], { stdin: BINARY });
  await home.ok(["append", home.store, "large", "--ttl", "last:2"], { stdin: LARGE });
  await home.ok(["append", home.store, "none"]);
  return home;
}

function fileOf(home: Home, hash: string): string {
  return new ContentFiles(join(home.store, "cacache")).pathOf(hash);
}

function bytesOf(home: Home, name: string): Promise<Uint8Array> {
  return Bun.file(join(home.path, name)).bytes();
}

describe.each([
  ["with a server", true],
  ["without a server", false],
])("%s", (_, served) => {
  const serve = async (directory: string) => (served ? await startServer(directory) : undefined);

  test("what is exported and imported is the same when it is exported again", async () => {
    using home = await furnished();
    {
      await using _server = await serve(home.store);
      const { code, stdout, stderr } = await home.xs(["export", home.store, "a.tar"]);
      expect([code, stdout]).toEqual([0, ""]);
      expect(stderr).toMatch(/exported \d frames, 3 contents, 0 pairs/);
    }
    const copy = join(home.path, "copy");
    await using _server = await serve(copy);
    const counts = JSON.parse(await home.ok(["import", copy, "a.tar"]));
    expect(counts).toMatchObject({ contents: 3, pairs: 0, added: counts.frames });
    const log = async (store: string) =>
      (await home.ok(["cat", store]))
        .split("\n")
        // A server has its first frame before it takes an import, so the others are late there.
        .filter((line) => !/"stream\.cross\.(start|received)"/.test(line));
    expect(await log(copy)).toEqual(await log(home.store));
    const again = join(home.path, "again");
    expect((await home.shell(`xs export ${copy} b.tar && xs import ${again} - <b.tar`)).code).toBe(
      0,
    );
    expect((await home.shell(`xs export ${again} - | cmp - b.tar`)).stdout).toBe("");
    expect(JSON.parse(await home.ok(["import", copy, "a.tar"])).added).toBe(0);
  });

  test("a tar that is refused says why, however much of it is still to come", async () => {
    using home = await furnished();
    await using _server = await serve(home.store);
    const large = { name: contentEntry(hashOf(LARGE)), data: LARGE };
    const more = Array.from({ length: 10 }, (_, n) => ({ name: `more/${n}`, data: LARGE }));
    const tar = await makeTar([{ name: FRAMES, data: "" }, large, ...more]);
    const { code, stdout, stderr } = await home.xs(["import", home.store], { stdin: tar });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/more\/0.*nothing was imported/);
  });
});

test("an export of a store whose clock was ahead once comes into an empty one, when told to", async () => {
  using home = await furnished();
  const DAY_MS = 24 * 60 * 60 * 1000;
  const ahead = { counter_hi: 1, counter_lo: 0, node: "00000001" };
  const id = packId({ ts_ms: Date.now() + 30 * DAY_MS, ...ahead });
  const line = `{"topic":"future","id":"${id}","hash":null,"meta":null,"ttl":"forever"}`;
  const refused = await home.xs(["import", home.store], { stdin: line });
  expect([refused.code, refused.stdout]).toEqual([1, ""]);
  expect(refused.stderr).toMatch(/more than a day ahead.*xs import --ahead/);
  await home.ok(["import", home.store, "--ahead"], { stdin: line });
  // From there on all ids are ahead, and revisions.
  await home.ok(["append", home.store, "later", "--ttl", "time:86400000"], { stdin: "hi" });
  await home.ok(["kv", "put", home.store, "k"], { stdin: "v" });
  await home.ok(["export", home.store, "a.tar"]);
  for (const served of [false, true]) {
    const copy = join(home.path, `copy-${served}`);
    await using _server = served ? await startServer(copy) : undefined;
    const before = await home.xs(["import", copy, "a.tar"]);
    expect([before.code, before.stdout]).toEqual([1, ""]);
    expect(before.stderr).toMatch(/xs import --ahead.*nothing was imported/);
    expect(await home.topics(copy)).toEqual([]);
    const counts = JSON.parse(await home.ok(["import", copy, "a.tar", "--ahead"]));
    expect(counts).toMatchObject({ frames: 6, added: 6, pairs: 1 });
    expect(await home.topics(copy)).toEqual(await home.topics(home.store));
    if (served) continue;
    const { code, stderr } = await home.shell(`xs export ${copy} - | cmp - a.tar`);
    expect([code, stderr]).toEqual([0, expect.stringContaining("exported 6 frames")]);
    // What comes after it is after it.
    await home.ok(["append", copy, "after"]);
    expect((await home.topics(copy)).at(-1)).toBe("after");
  }
});

test("revisions ahead of the clock are refused by name, and taken when told to", async () => {
  using home = new Home();
  const rev = packId({
    ts_ms: Date.now() + 30 * 24 * 60 * 60 * 1000,
    counter_hi: 1,
    counter_lo: 0,
    node: "00000001",
  });
  const pair = JSON.stringify({ key: "k", rev, type: "text/plain", value: "aGk=" });
  const tar = await makeTar([
    { name: FRAMES, data: "" },
    { name: "kv.jsonl", data: `${pair}\n` },
  ]);
  const { code, stderr } = await home.xs(["import", home.store], { stdin: tar });
  expect(code).toBe(1);
  expect(stderr).toContain("xs import --ahead");
  await home.ok(["import", home.store, "--ahead"], { stdin: tar });
  expect(await home.ok(["kv", "get", home.store, "k"])).toBe("hi");
  expect(JSON.parse(await home.ok(["kv", "put", home.store, "k"], { stdin: "2" })).rev > rev).toBe(
    true,
  );
});

test("tar and sha256sum read an export", async () => {
  using home = await furnished();
  await home.ok(["export", home.store, "a.tar"]);
  const { code, stdout } = await home.shell(
    "tar xf a.tar && sha256sum content/* && cat frames.jsonl",
  );
  expect(code).toBe(0);
  const sums = stdout.split("\n").filter((line) => / {2}content\//.test(line));
  expect(sums).toHaveLength(3);
  for (const line of sums) expect(line).toMatch(/^([0-9a-f]{64}) {2}content\/\1$/);
  expect(stdout).toEndWith(await home.ok(["cat", home.store]));
});

test("FILE is replaced as one, for its owner alone, and a link to it stays one", async () => {
  using home = await furnished();
  writeFileSync(join(home.path, "old.tar"), "old");
  symlinkSync("old.tar", join(home.path, "link.tar"));
  await home.ok(["export", home.store, "link.tar"]);
  expect(readlinkSync(join(home.path, "link.tar"))).toBe("old.tar");
  expect((await entriesIn(await bytesOf(home, "old.tar"))).size).toBe(5);
  expect(lstatSync(join(home.path, "old.tar")).mode & 0o777).toBe(0o600);
  await home.ok(["export", home.store, "/dev/null"]);
  expect(lstatSync("/dev/null").isCharacterDevice()).toBe(true);
});

test("damaged content is left out and named, and the exit code is 1", async () => {
  using home = await furnished();
  writeFileSync(fileOf(home, hashOf(LARGE)), "not what it was");
  const { code, stdout, stderr } = await home.xs(["export", home.store, "a.tar"]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain(`${hashOf(LARGE)} is damaged`);
  expect(stderr).toContain("exported 4 frames, 2 contents, 0 pairs");
  const names = [...(await entriesIn(await bytesOf(home, "a.tar"))).keys()];
  expect(names).toHaveLength(5);
  expect(names).toContain(PROBLEMS);
});

test("an answer that cannot be finished is broken off", async () => {
  using home = new Home();
  const large = Buffer.alloc(64 << 20);
  await home.ok(["append", home.store, "large"], { stdin: large });
  await using server = await startServer(home.store);
  const path = fileOf(home, hashOf(large));
  const response = await server.fetch("/export");
  const taken = interrupted(response, () => truncateSync(path, large.length / 2));
  await expect(taken).rejects.toThrow();
});

describe.each([
  ["with a server", true],
  ["without a server", false],
])("an export that fails leaves what was there before, %s", (_, served) => {
  test.each(["a.tar", "-"])("%s", async (file) => {
    using home = await furnished();
    const db = new Database(join(home.store, "events.db"));
    db.run("UPDATE frames SET line = replace(line, 'none', 'nine')");
    db.close();
    await using _server = served ? await startServer(home.store) : undefined;
    writeFileSync(join(home.path, "a.tar"), "old");
    const { code, stdout, stderr } = await home.xs(["export", home.store, file]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/frame .* is damaged/);
    expect(stdout).not.toContain("content/");
    expect(await Bun.file(join(home.path, "a.tar")).text()).toBe("old");
    expect(readdirSync(home.path).filter((name) => name.endsWith(".part"))).toEqual([]);
  });
});

test("with one argument, import tells a file from an address", async () => {
  using home = await furnished();
  const line = await home.ok([
    "get",
    home.store,
    JSON.parse(await home.ok(["last", home.store])).id,
  ]);
  await home.ok(["export", home.store, "a.tar"]);
  const env = { XS_ADDR: join(home.path, "mine") };
  expect(JSON.parse(await home.ok(["import", "a.tar"], { env })).added).toBe(4);
  expect(JSON.parse(await home.ok(["import", "./a.tar"], { env })).added).toBe(0);
  const stdin = await bytesOf(home, "a.tar");
  expect(JSON.parse(await home.ok(["import", "-"], { env, stdin })).added).toBe(0);
  // An address, be it new, there, or a folder that is still empty.
  mkdirSync(join(home.path, "bare"));
  for (const address of ["./new", "./new", "./bare", join(home.path, "mine")]) {
    expect(await home.ok(["import", address], { stdin: line })).toBe(line);
  }
  const missing = await home.xs(["import", "typo.tar"], { env });
  expect(missing.code).toBe(1);
  expect(missing.stderr).toContain("typo.tar");
  expect(existsSync(join(home.path, "typo.tar"))).toBe(false);
  expect((await home.xs(["import", "a", "b", "c"])).code).toBe(2);
  expect((await home.xs(["export"])).code).toBe(2);
});

test("a folder where a file belongs is named as one", async () => {
  using home = await furnished();
  mkdirSync(join(home.path, "folder"));
  const exported = await home.xs(["export", home.store, "./folder"]);
  expect([exported.code, exported.stderr]).toEqual([2, expect.stringContaining("is a folder")]);
  for (const command of ["import ./new", "append ./its-store note", "kv put ./its-store k"]) {
    const { code, stderr } = await home.shell(`xs ${command} <./folder`);
    expect([command, code]).toEqual([command, 1]);
    expect(stderr).toContain("standard input is a folder");
  }
  expect(existsSync(join(home.path, "new"))).toBe(false);
});

test("what packs a tar is named, with what unpacks it", async () => {
  using home = await furnished();
  const pack = "xs export ./its-store a.tar && gzip -k a.tar && bzip2 -k a.tar && xz -k a.tar";
  const packed = await home.shell(pack);
  const there = ["gz", "bz2", "xz"].filter((end) => existsSync(join(home.path, `a.tar.${end}`)));
  expect(there).toContain("gz");
  if (packed.code === 0) expect(there).toHaveLength(3);
  const unpack: Record<string, string> = { gz: "gunzip", bz2: "bunzip2", xz: "unxz" };
  for (const end of there) {
    const { code, stderr } = await home.xs(["import", "./new", `a.tar.${end}`]);
    expect([end, code]).toEqual([end, 1]);
    expect(stderr).toContain(`unpack it first, with  ${unpack[end]}`);
  }
});

test("a file that is not there makes no store", async () => {
  using home = new Home();
  const { code, stderr } = await home.xs(["import", home.store, "no.tar"]);
  expect([code, existsSync(home.store)]).toEqual([1, false]);
  expect(stderr).toContain("no.tar");
});

test.skipIf(process.platform !== "linux")(
  "a client that goes away leaves no transaction open in the server",
  async () => {
    using home = new Home();
    await home.ok(["append", home.store, "large"], { stdin: Buffer.alloc(64 << 20) });
    await using server = await startServer(home.store);
    const open = () => {
      const files = readdirSync(`/proc/${server.pid}/fd`).map((fd) => {
        try {
          return readlinkSync(`/proc/${server.pid}/fd/${fd}`);
        } catch {
          return "";
        }
      });
      return files.filter((path) => path.endsWith("/events.db-wal")).length;
    };
    const before = open();
    const abort = new AbortController();
    const response = await server.fetch("/export", { signal: abort.signal });
    expect(open()).toBe(before + 1);
    abort.abort();
    await response.bytes().catch(() => {});
    await until("the transaction is over", () => open() === before);
  },
);
