import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { FRAMES, KV_ENTRIES } from "../../src/core/export-format.ts";
import { packId } from "../../src/core/id.ts";
import { edit } from "../support/damage.ts";
import {
  type AnyFrame,
  answers,
  countOf,
  framesOf,
  say,
  spawn,
  statuses,
  terminate,
} from "../support/processors.ts";
import { parseLines, type Server, startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { makeTar } from "../support/tar.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

const COPY = 'export default { topics: ["n"], run: (frame) => ({ out: { copied: frame.id } }) }';
const QUIET = "export default async function* () { for (;;) { await Bun.sleep(1000); } }";

/** A spawn or a terminate as another store has it, made so many ms ago. */
function request(event: string, name: string, ago: number, hash: string | null = null): AnyFrame {
  const id = packId({
    ts_ms: Date.now() - ago,
    counter_hi: 1,
    counter_lo: 0,
    node: "00000001",
  });
  return { topic: `stream.cross.${event}`, id, hash, meta: { topic: name }, ttl: "forever" };
}

/** A home with `a.tar`, the export of a store where two handlers and a generator run. */
async function withPrograms(): Promise<Home> {
  const home = new Home();
  const source = join(home.path, "source");
  await using server = await startServer(source);
  await spawn(server, "handler", "copy", COPY);
  await spawn(server, "handler", "again", COPY);
  await spawn(server, "generator", "quiet", QUIET);
  await terminate(server, "handler", (await spawn(server, "handler", "over", COPY)).meta.topic);
  await until("it is over", async () => (await statuses(server)).length === 3);
  await server.stop("SIGTERM");
  await home.ok(["export", source, "a.tar"]);
  return home;
}

const STARTS = [
  { kind: "handler", name: "copy" },
  { kind: "handler", name: "again" },
  { kind: "generator", name: "quiet" },
].map((one) => expect.objectContaining({ ...one, spawn_id: expect.any(String) }));

test("an import says what it brings that will run, on stderr and in its answer", async () => {
  using home = await withPrograms();
  for (const form of ["a.tar", "frames"]) {
    const store = `./${form}-store`;
    if (form === "frames") {
      await home.shell(`for n in 1; do tar xf a.tar frames.jsonl content; done`);
      await home.shell(`for file in content/*; do xs cas-post ${store} <$file; done`);
    }
    const file = form === "frames" ? "frames.jsonl" : form;
    const { code, stdout, stderr } = await home.xs(["import", store, file]);
    expect(code).toBe(0);
    const { starts } = JSON.parse(stdout);
    expect(starts).toHaveLength(3);
    expect(starts).toEqual(expect.arrayContaining(STARTS));
    expect(stderr).toMatch(/1 generator, 2 handlers start with the next {2}xs serve/);
    for (const name of ["copy", "again", "quiet"]) expect(stderr).toContain(`"${name}"`);
    expect(stderr).not.toContain('"over"');
    expect(stderr).toContain("xs serve --paused");
    // The second time it brings nothing.
    const again = await home.xs(["import", store, file]);
    expect([JSON.parse(again.stdout).added, again.stderr]).toEqual([0, ""]);
    expect(JSON.parse(again.stdout)).not.toHaveProperty("starts");
  }
});

test("one spawn is given back as it is, and told of all the same", async () => {
  using home = new Home();
  const line = JSON.stringify(request("handler.spawn", "ü\n\u001b[31m", 1000));
  const { stdout, stderr } = await home.xs(["import", home.store], { stdin: line });
  expect(JSON.parse(stdout)).toEqual(JSON.parse(line));
  expect(stderr).toContain("1 handler starts with the next");
  expect(stderr).toContain('"ü\\n\\u001b[31m"');
});

test("--no-processors leaves spawns out, and nothing else", async () => {
  using home = await withPrograms();
  const { code, stdout, stderr } = await home.xs(["import", "./new", "a.tar", "--no-processors"]);
  expect(code).toBe(0);
  const all = JSON.parse(await home.ok(["import", "./all", "a.tar"]));
  expect(JSON.parse(stdout)).toMatchObject({
    frames: all.frames,
    added: all.added - 4,
    left_out: 4,
  });
  expect(JSON.parse(stdout)).not.toHaveProperty("starts");
  expect(stderr).toContain("4 spawns left out");
  expect(stderr).not.toContain("start");
  expect(await home.ok(["ps", "./new"])).toBe("");
  expect(await home.ok(["cat", "./new"])).not.toContain(".spawn");
  {
    await using server = await startServer(join(home.path, "new"));
    expect(await statuses(server)).toEqual([]);
    await server.stop("SIGTERM");
  }
  await expectSound(join(home.path, "new"));
  // One alone, and with a request to the API.
  const line = JSON.stringify(request("duplex.spawn", "one", 1000));
  const one = await home.ok(["import", "./new", "--no-processors"], { stdin: line });
  expect(JSON.parse(one)).toEqual({ frames: 1, added: 0, left_out: 1 });
});

test("xs serve --paused runs nothing, says so, shows it, and keeps requests for the next start", async () => {
  using home = await withPrograms();
  await home.ok(["import", home.store, "a.tar"]);
  const say1 = async (server: Server) => {
    const script = Buffer.from(COPY);
    await home.ok(
      ["append", home.store, "stream.cross.handler.spawn", "--meta", '{"topic":"third"}'],
      { stdin: script },
    );
    await terminate(server, "handler", "again");
    await say(server, "n");
  };
  {
    await using server = await startServer(home.store, { args: ["--paused", "--http", ":0"] });
    const rows = await statuses(server);
    expect(rows.map(({ name, state }) => [name, state]).sort()).toEqual([
      ["again", "paused"],
      ["copy", "paused"],
      ["quiet", "paused"],
    ]);
    await say1(server);
    const names = (await statuses(server)).map(({ name }) => name).sort();
    expect(names).toEqual(["copy", "quiet", "third"]);
    const [start] = await framesOf(server, "stream.cross.start").then((frames) => frames.slice(-1));
    expect(start?.meta.paused).toBe(true);
    const page = await fetch(`http://${await server.listensAt("http")}`);
    expect([page.status, await page.text()]).toEqual([
      503,
      "503 No handler\n\nthis site is paused: try again later\n",
    ]);
    expect(await framesOf(server, "copy.out")).toEqual([]);
    expect(await server.stop("SIGTERM")).toBe(0);
    expect(await server.stderr).toMatch(
      /serving .*paused: 1 generator, 2 handlers wait for a start without --paused.*\n {2}to go on, stop this server and start it again without --paused/,
    );
  }
  {
    await using server = await startServer(home.store);
    // Nothing is lost: what was appended meanwhile is handled, and what was asked for is done.
    const [out] = await countOf(server, "copy.out", 1);
    expect(out?.meta.copied).toBe((await framesOf(server, "n"))[0]?.id);
    await until("third runs", async () =>
      (await statuses(server)).some(({ name, state }) => name === "third" && state === "active"),
    );
    expect((await statuses(server)).map(({ name }) => name)).not.toContain("again");
    await server.stop("SIGTERM");
  }
  await expectSound(home.store);
});

test("what an import asks for changes nothing in a server that runs, and counts from its next start", async () => {
  using home = new Home();
  let older: AnyFrame;
  let newer: AnyFrame;
  let mine: AnyFrame;
  {
    await using server = await startServer(home.store);
    mine = await spawn(server, "handler", "copy", COPY);
    const hash = await (await server.fetch("/cas", { method: "POST", body: COPY })).text();
    older = request("handler.spawn", "copy", 3_600_000, hash.trim());
    newer = request("handler.spawn", "other", 0, hash.trim());
    const over = request("handler.terminate", "copy", 3_600_000 - 1000);
    const lines = [older, over, newer].map((frame) => JSON.stringify(frame)).join("\n");
    const response = await server.fetch("/import", { method: "POST", body: lines });
    const { starts, ends } = (await response.json()) as { starts: AnyFrame[]; ends?: AnyFrame[] };
    expect([starts.map(({ meta: _, ...one }) => one), ends]).toEqual([
      [{ kind: "handler", name: "other", spawn_id: newer.id }] as never,
      undefined,
    ]);
    // A handler looks for spawns before each page: what will not come must not be waited for.
    for (let n = 1; n <= 3; n++) {
      await say(server, "n");
      await countOf(server, "copy.out", n);
    }
    const rows = await statuses(server);
    expect(rows.map(({ name, state, spawn_id }) => [name, state, spawn_id])).toEqual([
      ["copy", "active", mine.id],
    ]);
    expect(await answers(server, newer)).toEqual([]);
    await server.stop("SIGTERM");
  }
  {
    await using server = await startServer(home.store);
    await until("both run", async () => {
      const rows = await statuses(server);
      const active = rows.filter(({ state }) => state === "active");
      return active.length === 2;
    });
    const spawns = (await statuses(server)).map(({ spawn_id }) => spawn_id).sort();
    expect(spawns).toEqual([mine.id, newer.id].sort());
    await say(server, "n");
    await countOf(server, "copy.out", 4);
    await countOf(server, "other.out", 1);
    await server.stop("SIGTERM");
  }
  await expectSound(home.store);
});

test("a terminate that an import brings ends nothing now, and is told of", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  await spawn(server, "handler", "copy", COPY);
  const then = Date.now();
  await until("the clock moves on", () => Date.now() > then);
  const line = JSON.stringify(request("handler.terminate", "copy", 0));
  const { stderr } = await home.xs(["import", home.store], { stdin: line });
  expect(stderr).toMatch(/1 handler does not run any more after the next {2}xs serve .*"copy"/);
  await say(server, "n");
  await countOf(server, "copy.out", 1);
  await server.stop("SIGTERM");
  await using again = await startServer(home.store);
  await until("it is answered", async () => {
    const frames = await framesOf(again, "stream.cross.handler.terminated");
    return frames.length === 1;
  });
  expect(await statuses(again)).toEqual([]);
  await again.stop("SIGTERM");
});

test("an imported spawn between one's own and its answer does not take the fallback away", async () => {
  using home = new Home();
  // As two stores have it, each with its spawn; that of the import has no script that loads.
  const mine = request("handler.spawn", "copy", 3000);
  const theirs = { ...request("handler.spawn", "copy", 2000), hash: null };
  const active = request("handler.active", "copy", 1000);
  await using server = await startServer(home.store);
  const hash = await (await server.fetch("/cas", { method: "POST", body: COPY })).text();
  const lines = [
    { ...mine, hash: hash.trim() },
    theirs,
    { ...active, meta: { topic: "copy", spawn_id: mine.id } },
  ];
  const body = lines.map((frame) => JSON.stringify(frame)).join("\n");
  expect((await server.fetch("/import", { method: "POST", body })).status).toBe(200);
  await server.stop("SIGTERM");
  await using again = await startServer(home.store);
  await until("theirs is invalid", async () => {
    const found = await answers(again, theirs, "invalid");
    return found.length === 1;
  });
  await say(again, "n");
  await countOf(again, "copy.out", 1);
  expect((await statuses(again)).map(({ spawn_id }) => spawn_id)).toEqual([mine.id]);
  await again.stop("SIGTERM");
});

test("what a handler remembers stays, whatever an older one of its name remembers in another store", async () => {
  using home = new Home();
  const COUNT =
    'export default { topics: ["n"], initial: 0, run: (_, n) => ({ out: { n }, next: n + 1 }) }';
  const mine = async () => {
    await using server = await startServer(home.store);
    const frame = await spawn(server, "handler", "count", COUNT);
    for (let n = 1; n <= 3; n++) {
      await say(server, "n");
      await countOf(server, "count.out", n);
    }
    // Another store's, with a newer revision, into the server that runs.
    const other = request("handler.spawn", "count", 60_000);
    const active = {
      ...request("handler.active", "count", 50_000),
      meta: { topic: "count", spawn_id: other.id },
    };
    const record = { spawn_id: other.id, cursor: other.id, state: 100 };
    const tar = await makeTar([
      { name: FRAMES, data: [other, active].map((one) => `${JSON.stringify(one)}\n`).join("") },
      {
        name: KV_ENTRIES,
        data: `${JSON.stringify({
          key: "stream.cross.handler/count",
          rev: request("handler.spawn", "count", -60_000).id,
          type: "application/json",
          value: Buffer.from(JSON.stringify(record)).toString("base64"),
        })}\n`,
      },
    ]);
    const response = await server.fetch("/import", { method: "POST", body: tar });
    expect(await response.json()).toEqual({ frames: 2, added: 2, contents: 0, pairs: 1 });
    // Nothing that it would still write may hide what the import did.
    await server.stop("SIGKILL");
    return frame;
  };
  const { id } = await mine();
  await using server = await startServer(home.store);
  await say(server, "n");
  const out = await countOf(server, "count.out", 4);
  expect(out.map(({ meta }) => [meta.n, meta.handler_id])).toEqual(
    [0, 1, 2, 3].map((n) => [n, id]),
  );
  await server.stop("SIGTERM");
});

test("an import mends damaged frames of the runtime, and is not kept from it by them", async () => {
  using home = await withPrograms();
  await home.ok(["import", home.store, "a.tar"]);
  const [line = ""] = edit(home.store, (db) => {
    db.run("UPDATE frames SET crc = crc + 1 WHERE line LIKE '%handler.active%'");
    return db.query("SELECT line FROM frames WHERE line LIKE '%handler.active%'").values();
  }).flat() as string[];
  const { id } = JSON.parse(line);
  const { code, stdout } = await home.xs(["import", home.store, "a.tar"]);
  expect([code, JSON.parse(stdout).added]).toEqual([0, 0]);
  await home.ok(["remove", home.store, id]);
  expect(JSON.parse(await home.ok(["import", home.store, "a.tar"])).added).toBe(1);
});

/** Says `h.out` for each frame on `q`. */
const HANDLE = 'export default { topics: ["q"], run: (frame) => ({ out: { of: frame.id } }) }';

/** Starts a server, waits until `h.out` has handled these frames, and stops it. */
async function expectHandled(store: string, ids: readonly string[]): Promise<void> {
  await using server = await startServer(store);
  const out = await countOf(server, "h.out", ids.length);
  expect(out.map(({ meta }) => meta.of)).toEqual([...ids]);
  expect(await server.stop("SIGTERM")).toBe(0);
}

test("a frame that waits for a handler is handled after an import of another store's handler of its name", async () => {
  using home = new Home();
  const stores = [join(home.path, "one"), join(home.path, "two")];
  for (const store of stores) {
    await using server = await startServer(store);
    await spawn(server, "handler", "h", HANDLE);
    await say(server, "q");
    await countOf(server, "h.out", 1);
    await server.stop("SIGTERM");
  }
  const [one = "", two = ""] = stores;
  const handled = parseLines(await home.ok(["cat", one, "--topic", "q"])).map(({ id }) => id);
  // It waits, and what the other store has handled since then is newer.
  await home.ok(["append", one, "q"]);
  {
    await using server = await startServer(two);
    await say(server, "q");
    await countOf(server, "h.out", 2);
    await server.stop("SIGTERM");
  }
  const waiting = parseLines(await home.ok(["cat", one, "--topic", "q"]))
    .map(({ id }) => id)
    .at(-1);
  await home.ok(["export", two, "two.tar"]);
  await home.ok(["import", one, "two.tar"]);
  {
    await using server = await startServer(one);
    await until("the frame that waited is handled", async () =>
      (await framesOf(server, "h.out")).some(({ meta }) => meta.of === waiting),
    );
    const mine = (await framesOf(server, "h.out")).filter(({ meta }) =>
      [...handled, waiting].includes(meta.of),
    );
    expect(mine.map(({ meta }) => meta.of).sort()).toEqual([...handled, waiting ?? ""].sort());
    await server.stop("SIGTERM");
  }
  await expectSound(one);
});

test("an export in an empty store lets a handler go on exactly where it was", async () => {
  using home = new Home();
  {
    await using server = await startServer(home.store);
    await spawn(server, "handler", "h", HANDLE);
    for (let n = 1; n <= 2; n++) {
      await say(server, "q");
      await countOf(server, "h.out", n);
    }
    await server.stop("SIGTERM");
  }
  // Neither has been handled yet: one is late, and one is new.
  const late = { ...request("x", "", 3_600_000), topic: "q" };
  await home.ok(["import", home.store], { stdin: JSON.stringify(late) });
  await home.ok(["append", home.store, "q"]);
  await home.ok(["export", home.store, "a.tar"]);
  const copy = join(home.path, "copy");
  await home.ok(["import", copy, "a.tar"]);
  expect((await home.shell(`xs export ${copy} - | cmp - a.tar`)).stdout).toBe("");
  const arrived = parseLines(
    await home.ok(["cat", home.store, "--topic", "q", "--order", "arrival"]),
  );
  const ids = arrived.map(({ id }) => id);
  expect(ids.indexOf(late.id)).toBe(2);
  for (const store of [home.store, copy]) await expectHandled(store, ids);
  await expectSound(copy);
});

test("a frame that was removed stays removed by an import, and comes back with --restore", async () => {
  using home = new Home();
  await home.ok(["append", home.store, "note"], { stdin: "1" });
  await home.ok(["append", home.store, "note"], { stdin: "2" });
  await home.ok(["export", home.store, "a.tar"]);
  const [first] = parseLines(await home.ok(["cat", home.store]));
  await home.ok(["cat", home.store]).then((lines) => Bun.write(join(home.path, "a.jsonl"), lines));
  await home.ok(["remove", home.store, first?.id ?? ""]);
  for (const file of ["a.tar", "a.jsonl"]) {
    const { code, stdout, stderr } = await home.xs(["import", home.store, file]);
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      expect.objectContaining({ frames: 2, added: 0, stay_removed: 1 }),
    ]);
    expect(stderr).toContain(
      "1 frame that was removed here stays removed; --restore brings it back",
    );
  }
  expect(await home.topics(home.store)).toEqual(["note"]);
  // The removal is a part of an export.
  await home.ok(["export", home.store, "b.tar"]);
  await home.ok(["import", "./copy", "b.tar"]);
  const copied = await home.xs(["import", "./copy", "a.tar"]);
  expect(JSON.parse(copied.stdout)).toMatchObject({ added: 0, stay_removed: 1 });
  const restored = await home.xs(["import", home.store, "a.tar", "--restore"]);
  expect([JSON.parse(restored.stdout).added, restored.stderr]).toEqual([1, ""]);
  expect(parseLines(await home.ok(["cat", home.store, "--topic", "note"])).length).toBe(2);
  expect(await home.ok(["content", home.store, first?.id ?? ""])).toBe("1");
});

test("gc --tombstones forgets removals that are old enough", async () => {
  using home = new Home();
  const line = await home.ok(["append", home.store, "note"]);
  await home.ok(["remove", home.store, JSON.parse(line).id]);
  const gc = async (...args: string[]) => JSON.parse(await home.ok(["gc", home.store, ...args]));
  expect(await gc("--tombstones", "1w")).toMatchObject({ tombstones: 0 });
  expect(await gc("--tombstones", "0", "--dry-run")).toMatchObject({ tombstones: 1 });
  expect(await gc("--tombstones", "0")).toMatchObject({ tombstones: 1 });
  expect(await home.ok(["import", home.store], { stdin: line })).toBe(line);
  const wrong = await home.xs(["gc", home.store, "--tombstones", "soon"]);
  expect([wrong.code, wrong.stdout]).toEqual([2, ""]);
  expect(wrong.stderr).toContain("90s");
});
