// Faults of the disk, each with what is promised then.
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { ContentFiles } from "../../src/store/sqlite/content/cacache-files.ts";
import { Home } from "../cli/run-xs.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { parseLines, type Server, startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { missingStrace } from "../support/tools.ts";
import { LineReader, TEST_MS, until, within } from "../support/wait.ts";
import { Injection } from "./inject.ts";
import { missingMount, Tmpfs } from "./tmpfs.ts";

/** `XS_FAULT_ROUNDS=50` for the long run. */
const ROUNDS = setting("XS_FAULT_ROUNDS", 1);
const SEED = seedFrom("XS_FAULT_SEED");
const random = new Random(SEED);

setDefaultTimeout(TEST_MS * Math.ceil(ROUNDS / 10));

/** What happened of each kind, for the report. */
const counts: Record<string, number> = {};

afterAll(() => {
  const shown = Object.entries(counts).map(([name, count]) => `${name}: ${count}`);
  report(`faults of the disk: XS_FAULT_ROUNDS=${ROUNDS} XS_FAULT_SEED=${SEED}`, shown);
});

function count(name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

interface Refusal {
  status: number;
  code: string;
}

/** Appends; the frame, or how it was refused. */
async function tryAppend(server: Server, content: string): Promise<Frame | Refusal> {
  const response = await server.fetch("/fault", { method: "POST", body: content });
  const answer = (await response.json()) as Frame | Refusal;
  count("id" in answer ? "appends taken" : `refused with ${answer.code}`);
  return answer;
}

/** Appends from many sides at once until one is refused; gives what was taken, and that refusal. */
async function appendUntilRefused(server: Server, size: number): Promise<[Frame[], Refusal]> {
  const taken: Frame[] = [];
  let refusal: Refusal | undefined;
  const writer = async (n: number) => {
    for (let i = 0; !refusal; i++) {
      const answer = await tryAppend(server, `${n} ${i} `.padEnd(size, "x")).catch(() => undefined);
      if (!answer) return;
      if ("id" in answer) taken.push(answer);
      else refusal = answer;
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, n) => writer(n)));
  if (!refusal) throw new Error("the server was gone before it refused anything");
  return [taken, refusal];
}

/** Everything that was taken is there, in this order, and can be read. */
async function expectKept(server: Server, frames: readonly Frame[]): Promise<void> {
  const found = new Map((await server.frames()).map((frame) => [frame.id, frame]));
  for (const frame of frames) {
    expect(found.get(frame.id)).toEqual(frame);
    expect((await server.fetch(`/${frame.id}/content`)).status).toBe(200);
  }
}

const untraced = missingStrace();

describe.skipIf(untraced !== undefined)(`strace${untraced ? ` (${untraced})` : ""}:`, () => {
  test.each([
    ["a failing fsync", "fsync,fdatasync,syncfs", "EIO"],
    ["a failing write to the log", "pwrite64", "EIO"],
    ["a disk that turned read-only", "pwrite64,fdatasync", "EROFS"],
  ])("%s acknowledges nothing more and stops the server", async (_, calls, error) => {
    for (let round = 0; round < ROUNDS; round++) {
      using home = tempDirectory();
      const directory = join(home.path, "store");
      await using server = await startServer(directory);
      const follower = new LineReader((await server.fetch("/?follow")).body);
      const followed: string[] = [];
      const following = (async () => {
        for (let line = await follower.next(); line; line = await follower.next()) {
          followed.push(line);
        }
      })().catch(() => {});
      // The fault comes while many write.
      const writing = appendUntilRefused(server, 100 + random.below(30_000));
      await Bun.sleep(random.next() * 50);
      await using _fault = await Injection.start(server.pid, calls, error);
      const [taken, refusal] = await writing;
      expect(refusal).toMatchObject({ code: "store_failed" });
      expect(await within("the end of the server", server.exited)).toBe(1);
      count("servers that stopped");
      expect(await server.stderr).toContain("can no longer write safely");
      await following;
      await using again = await startServer(directory);
      await expectKept(again, taken);
      // Nobody who followed was told of anything that is not there now.
      const seen = parseLines(followed.join("\n")).filter(({ topic }) => topic === "fault");
      await expectKept(again, seen);
      await again.append("fault", "after");
      expect(await again.stop("SIGTERM")).toBe(0);
      await expectSound(directory);
    }
  });

  test("a write that finds no space is refused, the server goes on, and so it does when there is some", async () => {
    using home = tempDirectory();
    const directory = join(home.path, "store");
    await using server = await startServer(directory);
    const before = await server.append("fault", "before");
    const follower = new LineReader((await server.fetch("/?follow&tail")).body);
    await follower.take(1);
    {
      await using _fault = await Injection.start(server.pid, "pwrite64,write", "ENOSPC", [
        join(directory, "events.db-wal"),
        join(directory, "events.db"),
      ]);
      expect(await tryAppend(server, "full")).toMatchObject({ status: 507, code: "disk_full" });
      await expectKept(server, [before]);
    }
    const after = await server.append("fault", "after");
    expect(JSON.parse((await follower.take(1))[0] ?? "")).toEqual(after);
    await expectKept(server, [before, after]);
    expect(await server.stop("SIGTERM")).toBe(0);
    await expectSound(directory);
  });

  test("a content file that may not be read is an error that names it, for this content alone", async () => {
    using home = tempDirectory();
    const directory = join(home.path, "store");
    await using server = await startServer(directory);
    const large = await server.append("fault", "x".repeat(200_000));
    const small = await server.append("fault", "small");
    const path = contentPath(directory, large.hash ?? "");
    const calls = "open,openat,read,pread64";
    {
      await using _fault = await Injection.start(server.pid, calls, "EACCES", [path]);
      const response = await server.fetch(`/${large.id}/content`);
      const text = await response.text();
      expect([response.status, text.includes(large.hash ?? "")]).toEqual([500, true]);
      count(`refused with ${(JSON.parse(text) as Refusal).code}`);
      await expectKept(server, [small]);
    }
    await expectKept(server, [small, large]);
    expect(await server.stop("SIGTERM")).toBe(0);
    await expectSound(directory);
  });

  test("no descriptor left (EMFILE): what needs one is refused, and it goes on when there are some", async () => {
    using home = tempDirectory();
    const directory = join(home.path, "store");
    await using server = await startServer(directory);
    const before = await server.append("fault", "x".repeat(200_000));
    {
      await using _fault = await Injection.start(server.pid, "open,openat,accept4", "EMFILE");
      const content = await server.fetch(`/${before.id}/content`).catch(() => undefined);
      if (content) expect(await content.json()).toMatchObject({ code: "too_many_files" });
      const append = await tryAppend(server, "y".repeat(200_000)).catch(() => undefined);
      if (append) expect(append).toMatchObject({ status: 503, code: "too_many_files" });
    }
    const after = await server.append("fault", "z".repeat(200_000));
    await expectKept(server, [before, after]);
    expect(await server.stop("SIGTERM")).toBe(0);
    await expectSound(directory);
  });
});

function contentPath(directory: string, hash: string): string {
  return new ContentFiles(join(directory, "cacache")).pathOf(hash);
}

test("a folder in the place of a content file is an error that names it, and a check tells", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const large = await server.append("fault", "x".repeat(200_000));
  const small = await server.append("fault", "small");
  const path = contentPath(home.store, large.hash ?? "");
  rmSync(path);
  mkdirSync(path);
  const response = await server.fetch(`/${large.id}/content`);
  expect([response.status, (await response.text()).includes(large.hash ?? "")]).toEqual([
    500,
    true,
  ]);
  await expectKept(server, [small]);
  const { code, stdout } = await home.xs(["verify", home.store]);
  expect([code, stdout.includes(large.hash ?? "")]).toEqual([1, true]);
  // Appended again, it is mended.
  rmSync(path, { recursive: true });
  await server.append("fault", "x".repeat(200_000));
  await expectKept(server, [small, large]);
  await home.ok(["verify", home.store]);
});

const unmounted = missingMount();

describe.skipIf(unmounted !== undefined)(`tmpfs${unmounted ? ` (${unmounted})` : ""}:`, () => {
  test.each([
    ["small content", 20_000],
    ["large content", 200_000],
  ])(
    "a full disk refuses with 507 (%s), reads go on, and it recovers by itself",
    async (_, size) => {
      using disk = new Tmpfs("16m");
      const directory = join(disk.path, "store");
      await using server = await startServer(directory);
      const cause = await server.append("fault");
      const effect = { "xs-meta": JSON.stringify({ frame_id: cause.id }) };
      const { id } = await server.append("effect", "", effect);
      const expectEffect = async () => {
        const effects = await server.frames(`/${cause.id}/effects`);
        expect(effects.map((frame) => frame.id)).toEqual([id]);
      };
      const follower = new LineReader((await server.fetch("/?follow&tail")).body);
      await follower.take(1);
      const filler = join(disk.path, "filler");
      writeFileSync(filler, Buffer.alloc(6 * 1024 * 1024));
      const [taken, refusal] = await appendUntilRefused(server, size);
      expect(refusal).toMatchObject({ status: 507, code: "disk_full" });
      expect(taken.length).toBeGreaterThan(0);
      await expectKept(server, taken);
      await expectEffect();
      // The live reader has all that was taken, and nothing else.
      const lines = await follower.take(taken.length);
      expect(lines.map((line) => (JSON.parse(line) as Frame).id)).toEqual(
        taken.map(({ id }) => id).sort(),
      );
      rmSync(filler);
      const after = await until("space again", async () => {
        const answer = await tryAppend(server, "after");
        return "id" in answer && answer;
      });
      expect(JSON.parse((await follower.take(1))[0] ?? "")).toEqual(after);
      await expectKept(server, [...taken, after]);
      await expectEffect();
      expect(await server.stop("SIGTERM")).toBe(0);
      await expectSound(directory);
    },
  );

  test("a store on a read-only disk is read, not written, with a reason, and is as it was when it can be written", async () => {
    using disk = new Tmpfs("32m");
    using home = new Home();
    const directory = join(disk.path, "store");
    let kept: Frame;
    {
      await using server = await startServer(directory);
      kept = await server.append("fault", "kept");
      expect(await server.stop("SIGTERM")).toBe(0);
    }
    disk.remount("ro");
    expect(parseLines(await home.ok(["cat", directory, "-T", "fault"]))).toEqual([kept]);
    for (const args of [
      ["append", directory, "fault"],
      ["serve", directory],
    ]) {
      const { code, stderr } = await home.xs(args);
      expect([code, /read-only|readonly|EROFS/i.test(stderr), stderr]).toEqual([1, true, stderr]);
      expect(stderr).not.toContain("    at ");
      count("commands refused on a read-only disk");
    }
    disk.remount("rw");
    await using server = await startServer(directory);
    await expectKept(server, [kept]);
    expect(statSync(directory).isDirectory()).toBe(true);
  });
});
