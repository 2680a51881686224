// A store that cannot be written is read all the same: all that was committed, and nothing is changed.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, cpSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missingMount, Tmpfs } from "../faults/tmpfs.ts";
import { parseLines, startServer, XS } from "../support/server.ts";
import { filesBelow, tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

const LARGE = "x".repeat(200_000);
const READER = 12_345;

/** What was left behind in the folder for temporary files. */
const copies = () => readdirSync(tmpdir()).filter((name) => name.startsWith("xs-read-"));

/** Fills a store, and ends its server in this way. */
async function fill(store: string, end: "SIGTERM" | "SIGKILL"): Promise<string> {
  await using server = await startServer(store);
  await server.append("note", "small");
  await server.append("note", LARGE);
  await server.fetch("/kv/views/a", { method: "PUT", body: "value" });
  await server.fetch("/later?at=2099-01-01", { method: "POST", body: "kept" });
  const { id } = await server.append("note", "the newest", { "xs-meta": "7" });
  await server.append("effect", "", { "xs-meta": JSON.stringify({ frame_id: id }) });
  await server.stop(end);
  return id;
}

/** Every command that reads gives all there is, and every one that writes says why it cannot. */
async function expectReadable(
  home: Home,
  store: string,
  newest: string,
  said: string,
  run: (args: readonly string[]) => ReturnType<Home["xs"]> = (args) => home.xs(args),
): Promise<void> {
  const before = filesBelow(store).map((name) => [name, statSync(join(store, name)).mtimeMs]);
  const ok = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(args);
    expect([args, code, stderr.includes("ERROR")]).toEqual([args, 0, false]);
    return stdout;
  };
  const notes = parseLines(await ok("cat", store, "-T", "note"));
  expect(notes.map(({ meta }) => meta)).toEqual([null, null, 7]);
  expect(parseLines(await ok("last", store, "note"))[0]?.id).toBe(newest);
  expect(parseLines(await ok("tac", store, "-T", "note", "--limit", "1"))[0]?.id).toBe(newest);
  expect(await ok("get", store, newest)).toContain('"meta":7');
  expect(await ok("content", store, newest)).toBe("the newest");
  expect(await ok("content", store, notes[1]?.id ?? "")).toBe(LARGE);
  expect(await ok("cas", store, notes[0]?.hash ?? "")).toBe("small");
  expect(await ok("kv", "get", store, "views/a")).toBe("value");
  expect(await ok("kv", "list", store)).toContain("views/a");
  expect(await ok("previous", store, newest)).toContain(notes[1]?.id ?? "");
  expect(await ok("why", store, newest)).toContain('"topic":"effect"');
  expect(await ok("ps", store)).toBe("");
  expect(await ok("scheduled", store)).toContain('"topic":"later"');
  expect(parseLines(await ok("topics", store, "-T", "note"))).toEqual([
    { topic: "note", frames: 3, first: notes[0]?.id, last: newest } as never,
  ]);
  const info = JSON.parse(await ok("info", store));
  expect(info).toMatchObject({ path: store, writable: false, reason: expect.any(String) });
  expect(info.database_bytes).toBeGreaterThan(0);
  await ok("verify", store);
  await ok("version", store);
  expect(await ok("sql", "-s", store, "SELECT meta FROM frames WHERE topic = 'note'")).toBe(
    '{"meta":null}\n{"meta":null}\n{"meta":"7"}\n',
  );
  await ok("gc", store, "--dry-run");
  expect(
    await ok("eval", store, "-c", "export default async (xs) => (await xs.last('note')).meta"),
  ).toBe("7\n");
  await ok("export", store, join(home.path, "copy.tar"));
  for (const args of [
    ["append", store, "note", "--meta", "1"],
    ["append", store, "note", "--chunked", "bytes"],
    ["append", store, "--batch"],
    ["append", store, "note", "x", "--in", "2h"],
    ["scheduled", "rm", store, newest],
    ["import", store, join(home.path, "copy.tar")],
    ["remove", store, newest],
    ["cas-post", store],
    ["kv", "put", store, "key"],
    ["kv", "delete", store, "views/a"],
    ["gc", store],
    ["serve", store],
  ]) {
    const { code, stdout, stderr } = await run(args);
    expect([args, code, stdout]).toEqual([args, 1, ""]);
    expect([args, stderr]).toEqual([args, expect.stringContaining(said)]);
    expect(stderr).not.toMatch(/ {4}at |should not have happened/);
  }
  rmSync(join(home.path, "copy.tar"));
  expect(filesBelow(store).map((name) => [name, statSync(join(store, name)).mtimeMs])).toEqual(
    before,
  );
  expect(copies()).toEqual([]);
}

const unmounted = missingMount();

describe.skipIf(unmounted !== undefined)(`a mount${unmounted ? ` (${unmounted})` : ""}:`, () => {
  test.each([
    ["a server that stopped", "SIGTERM"],
    ["a server that was killed, with all in its log", "SIGKILL"],
  ] as const)("a read-only disk, after %s", async (_, end) => {
    using disk = new Tmpfs("32m");
    using home = new Home();
    const store = join(disk.path, "store");
    const newest = await fill(store, end);
    disk.remount("ro");
    await expectReadable(home, store, newest, "the file system is read-only");
    disk.remount("rw");
    await home.ok(["append", store, "note", "--meta", "8"]);
    await home.ok(["verify", store]);
  });

  test("a copy without the files of SQLite beside it, and one without a lock", async () => {
    using disk = new Tmpfs("32m");
    using home = new Home();
    const store = join(disk.path, "store");
    const newest = await fill(home.store, "SIGKILL");
    cpSync(home.store, store, { recursive: true, filter: (path) => !/-shm$|lock|sock/.test(path) });
    disk.remount("ro");
    await expectReadable(home, store, newest, "the file system is read-only");
  });

  test("no room for a copy is told, with what to do", async () => {
    using disk = new Tmpfs("32m");
    using little = new Tmpfs("64k");
    using home = new Home();
    const store = join(disk.path, "store");
    await fill(store, "SIGKILL");
    disk.remount("ro");
    const { code, stderr } = await home.xs(["cat", store], { env: { TMPDIR: little.path } });
    expect([code, stderr]).toEqual([1, expect.stringContaining("set TMPDIR")]);
    expect(readdirSync(little.path)).toEqual([]);
  });
});

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)(`users${isRoot ? "" : " (only root can be several users)"}:`, () => {
  /** Gives a store to somebody else. */
  function give(path: string, uid: number): void {
    Bun.spawnSync(["chown", "-R", `${uid}:${uid}`, path]);
  }

  test.each(["SIGTERM", "SIGKILL"] as const)(
    "root reads the store of another user that it names (%s)",
    async (end) => {
      using home = new Home();
      const newest = await fill(home.store, end);
      give(home.store, READER);
      await expectReadable(home, home.store, newest, `belongs to another user (${READER})`);
    },
  );

  test("another user reads what its owner has opened to all, also beside a server", async () => {
    using home = new Home();
    using theirs = tempDirectory();
    give(theirs.path, READER);
    chmodSync(home.path, 0o755);
    const newest = await fill(home.store, "SIGKILL");
    const run = (args: readonly string[]) =>
      home.run(
        ["setpriv", `--reuid=${READER}`, `--regid=${READER}`, "--clear-groups", XS, ...args],
        { cwd: theirs.path, env: { HOME: theirs.path, TMPDIR: theirs.path } },
      );
    Bun.spawnSync(["chmod", "-R", "a+rX", home.store]);
    const cat = await run(["cat", home.store, "-T", "note"]);
    expect([cat.code, parseLines(cat.stdout).at(-1)?.id]).toEqual([0, newest]);
    await using server = await startServer(home.store);
    Bun.spawnSync(["chmod", "-R", "a+rX", home.store]);
    chmodSync(server.unix, 0o600);
    for (let n = 0; n < 5; n++) {
      const { id } = await server.append("note", `beside ${n}`);
      const query = "SELECT last FROM topics WHERE topic = 'note'";
      const asked = await run(["sql", "-s", home.store, query]);
      expect([asked.code, asked.stdout]).toEqual([0, `{"last":"${id}"}\n`]);
      const beside = await run(["last", home.store, "note"]);
      expect([beside.code, parseLines(beside.stdout)[0]?.id]).toEqual([0, id]);
    }
    const follow = await run(["cat", home.store, "--follow"]);
    expect([follow.code, follow.stderr]).toEqual([1, expect.stringContaining("another user")]);
    const append = await run(["append", home.store, "note"]);
    expect([append.code, append.stderr]).toEqual([1, expect.stringContaining("another user")]);
    expect(readdirSync(theirs.path).filter((name) => name.startsWith("xs-read-"))).toEqual([]);
    expect(await server.stop("SIGTERM")).toBe(0);
  });
});
