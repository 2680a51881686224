// The store is renamed, replaced or removed while it is open.
import { expect, setDefaultTimeout, test } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { Home } from "../cli/run-xs.ts";
import { startServer } from "../support/server.ts";
import { filesBelow } from "../support/temp.ts";
import { TEST_MS, within } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SMALL = "small";
const LARGE = "x".repeat(200_000);

/** What may happen to a store, and where it is afterwards; undefined for nowhere. */
const ACCIDENTS: Record<string, (store: string) => string | undefined> = {
  "it is renamed": (store) => {
    renameSync(store, `${store}-2`);
    return `${store}-2`;
  },
  "it is renamed, and a copy takes its place": (store) => {
    renameSync(store, `${store}-2`);
    cpSync(`${store}-2`, store, { recursive: true, filter: (path) => !path.endsWith("/sock") });
    return `${store}-2`;
  },
  "it is renamed, and an empty folder takes its place": (store) => {
    renameSync(store, `${store}-2`);
    mkdirSync(store);
    return `${store}-2`;
  },
  "it is removed": (store) => {
    rmSync(store, { recursive: true });
    return undefined;
  },
  "a file takes its place": (store) => {
    rmSync(store, { recursive: true });
    writeFileSync(store, "mine");
    return undefined;
  },
  "events.db is moved away": (store) => {
    renameSync(join(store, "events.db"), `${store}-events.db`);
    return undefined;
  },
  "events.db is replaced by a copy": (store) => {
    cpSync(join(store, "events.db"), join(store, "copy"));
    renameSync(join(store, "copy"), join(store, "events.db"));
    return undefined;
  },
  "events.db-wal is removed": (store) => {
    rmSync(join(store, "events.db-wal"));
    return undefined;
  },
  "lock.db is removed": (store) => {
    rmSync(join(store, "lock.db"));
    return store;
  },
  "cacache is removed": (store) => {
    rmSync(join(store, "cacache"), { recursive: true });
    return undefined;
  },
};

/** What is in a folder, without what a server leaves of itself where its files were. */
function left(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return filesBelow(folder).filter((name) => !/^(events|lock)\.db-/.test(name));
}

test.each(
  Object.keys(ACCIDENTS).flatMap((accident) => [
    [accident, "small", SMALL],
    [accident, "large", LARGE],
  ]),
)("when %s, nothing more is acknowledged (%s content), and the server says so", async (...row) => {
  const [accident = "", , content = ""] = row;
  using home = new Home();
  await using server = await startServer(home.store);
  const kept = await server.append("note", LARGE.slice(1));
  // A connection of before, as the socket may be gone.
  const url = `http://localhost/stream/note`;
  const agent = { unix: server.unix, method: "POST" } as const;
  for (let n = 0; n < 30; n++) {
    expect((await fetch(url, { ...agent, body: SMALL })).status).toBe(200);
  }
  const moved = ACCIDENTS[accident]?.(home.store);
  const before = left(home.store);
  const unix = existsSync(server.unix) ? server.unix : moved && join(moved, "sock");
  if (unix && existsSync(unix)) {
    const answer = await fetch(url, { ...agent, unix, body: content }).catch(() => undefined);
    if (answer) {
      expect([answer.status, await answer.json()]).toEqual([
        503,
        expect.objectContaining({ code: "store_failed" }),
      ]);
    }
  }
  expect(await within("the end of the server", server.exited)).toBe(1);
  const stderr = await server.stderr;
  expect(stderr).toContain("was moved, replaced or removed while");
  expect(stderr).not.toMatch(/ {4}at |\.ts:\d|this should not have happened|\d+ \|/);
  // Nothing was made where the store had been.
  expect(left(home.store)).toEqual(before);
  if (moved === undefined) return;
  // All that was acknowledged is where the store is now.
  await using again = await startServer(moved);
  expect(await again.frames(`/${kept.id}`)).toEqual([kept]);
  expect((await again.fetch(`/${kept.id}/content`)).status).toBe(200);
  expect(await again.stop("SIGTERM")).toBe(0);
  await home.ok(["verify", moved]);
});

test("a server that nobody asks anything says so as well", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  renameSync(home.store, `${home.store}-2`);
  expect(await within("the end of the server", server.exited)).toBe(1);
  expect(await server.stderr).toContain("bring it back, or start again");
  expect(existsSync(home.store)).toBe(false);
});

test("a command that has the store open itself acknowledges nothing either", async () => {
  using home = new Home();
  await home.ok(["append", home.store, "note"], { stdin: LARGE.slice(1) });
  const child = Bun.spawn(
    [
      "sh",
      "-c",
      `exec "$0" eval "$1" -c '
        import { renameSync } from "node:fs";
        export default async (xs) => {
          await xs.append("note", "before");
          renameSync("${home.store}", "${home.store}-2");
          await xs.append("note", "x".repeat(${LARGE.length}));
        }'`,
      join(import.meta.dir, "../../dist/xs"),
      home.store,
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const stderr = await new Response(child.stderr).text();
  expect([await child.exited, stderr]).toEqual([
    1,
    expect.stringContaining("was moved, replaced or removed while"),
  ]);
  expect(existsSync(home.store)).toBe(false);
  const frames = (await home.ok(["cat", `${home.store}-2`])).trim().split("\n");
  expect(frames.map((line) => (JSON.parse(line) as Frame).topic)).toEqual(["note", "note"]);
});
