import { expect, setDefaultTimeout, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { packId } from "../../src/core/id.ts";
import { WITH_NU } from "../support/processors.ts";
import { parseLines, RawConnection, type Server, startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** Midnight here is 15:00 of the day before in UTC. */
const TOKYO = { TZ: "Asia/Tokyo" };
/** Longer than any test. */
const LONG = "1000000";

/** A store with a frame at noon, UTC, of each of the first six days of 2026. */
async function withDays(home: Home): Promise<void> {
  const lines = [1, 2, 3, 4, 5, 6].map((day) => {
    const ts_ms = Date.UTC(2026, 0, day, 12);
    const id = packId({ ts_ms, counter_hi: 0, counter_lo: 0, node: "00000000" });
    return `${JSON.stringify({ topic: "note", id, meta: { day } })}\n`;
  });
  await home.makeStore();
  await home.ok(["import", home.store], { stdin: lines.join("") });
}

function daysOf(lines: string): number[] {
  return parseLines(lines).map(({ meta }) => (meta as { day: number }).day);
}

const READS: readonly (readonly [args: string, days: readonly number[]])[] = [
  ["cat --since 2026-01-03", [3, 4, 5, 6]],
  ["cat --since 2026-01-03T22:00 --until 2026-01-05", [4]],
  ["cat --since 2026-01-03T21:00", [3, 4, 5, 6]],
  ["cat --since 2026-01-03T12:00:00.001Z", [4, 5, 6]],
  ["cat --since=2026-01-03T13:00+01:00 --limit 1", [3]],
  ["cat --until 2026-01-03 --last 1", [2]],
  ["cat --order arrival --since 2026-01-05", [5, 6]],
  ["cat --since 99999w", [1, 2, 3, 4, 5, 6]],
  ["cat --since 1s", []],
  ["cat --since 9999-12-31", []],
  ["tac --since 2026-01-02 --until 2026-01-05", [4, 3, 2]],
  ["first --since 2026-01-03", [3]],
  ["first --since 2026-01-03 note 2", [3, 4]],
  ["last --until 2026-01-03 note", [2]],
  ["last --until 2026-01-03 note 9", [1, 2]],
];

async function expectReads(home: Home): Promise<void> {
  for (const [line, days] of READS) {
    const [verb = "", ...args] = line.split(" ");
    const printed = await home.ok([verb, home.store, ...args], { env: TOKYO });
    expect([line, daysOf(printed)]).toEqual([line, [...days]]);
  }
}

test("--since and --until take dates of here, times and ages, with a server and without", async () => {
  using home = new Home();
  await withDays(home);
  await expectReads(home);
  await using server = await startServer(home.store, { args: ["--paused"], env: { TZ: "UTC" } });
  // The frames of the runtime are of now.
  for (const { id, topic } of await server.frames()) {
    if (topic !== "note") await server.fetch(`/${id}`, { method: "DELETE" });
  }
  await expectReads(home);
  const utc = await server.frames("/?since=2026-01-03&until=2026-01-04");
  expect(utc.map(({ meta }) => meta)).toEqual([{ day: 3 }]);
});

test("a follower with --since has the history from then on, and what comes", async () => {
  using home = new Home();
  await withDays(home);
  await using server = await startServer(home.store);
  await using cat = home.start([
    "cat",
    home.store,
    "-f",
    "--topic",
    "note",
    "--since",
    "2026-01-05T00:00Z",
  ]);
  const topics = (await cat.lines.take(3)).map((line) => (JSON.parse(line) as Frame).topic);
  expect(topics).toEqual(["note", "note", "stream.cross.threshold"]);
  const { id } = await server.append("note");
  expect(JSON.parse((await cat.lines.take(1))[0] ?? "").id).toBe(id);
});

test("what makes no sense is wrong usage, and named", async () => {
  using home = new Home();
  await home.makeStore();
  for (const [line, named] of [
    ["cat --since yesterday", '--since "yesterday"'],
    ["cat --since 2026-02-30", "no such day"],
    ["cat --until 90", '"90s"'],
    ["cat --since", "--since"],
    ["cat --since 1h --until 2h", "since is later than until"],
    ["cat --until 1h --follow", "until"],
    ["cat --wait 5 --follow", "wait"],
    ["cat --wait soon", "--wait "],
    ["cat --wait 5s", "milliseconds"],
    ["tac --wait 5", "--wait"],
    ["tac --since 1h --until 2h", "since is later than until"],
    ["first --since yesterday", '--since "yesterday"'],
    ["first --since 1h --until 2h", "since is later than until"],
    ["last --until 1h --follow", "until"],
    ["last --until 2026-13-01", "--until "],
  ] as const) {
    const { code, stderr, stdout } = await home.xs(line.split(" "), {
      env: { XS_ADDR: home.store },
    });
    expect([line, code, stdout]).toEqual([line, 2, ""]);
    expect(stderr).toContain(named);
  }
});

test("--wait ends with the history, with the first frame, or empty", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const { id } = await server.append("note");
  const cat = (...args: string[]) => home.ok(["cat", home.store, "--wait", LONG, ...args]);
  expect(parseLines(await cat("--topic", "note")).map((frame) => frame.id)).toEqual([id]);
  expect(await home.ok(["cat", home.store, "--wait", "20", "--topic", "none"])).toBe("");
  for (const args of [["--tail"], ["--last-id", id, "--topic", "note"], ["--topic", "new.*"]]) {
    const printed = cat(...args);
    await waiters(server, 1);
    const topic = args.includes("new.*") ? "new.one" : "note";
    const frame = await server.append(topic);
    expect([args, parseLines(await printed)]).toEqual([args, [frame]]);
    if (topic === "note") await server.fetch(`/${frame.id}`, { method: "DELETE" });
  }
});

test("--wait needs a server, ends with it, and with the reader of its output", async () => {
  using home = new Home();
  await home.makeStore();
  const alone = await home.xs(["cat", home.store, "--wait", "10"]);
  expect([alone.code, alone.stdout, alone.stderr]).toEqual([
    1,
    "",
    expect.stringContaining(`waiting needs a server, and none serves ${home.store}`),
  ]);
  await using server = await startServer(home.store);
  const piped = home.shell(
    `xs cat ${home.store} --wait ${LONG} --topic none | sh -c 'exec 0<&-; exit'; echo "\${PIPESTATUS[0]}"`,
  );
  expect((await piped).stdout).toBe("0\n");
  await waiters(server, 0);
  const printed = home.xs(["cat", home.store, "--wait", LONG, "--tail", "--topic", "none"]);
  await waiters(server, 1);
  expect(await server.stop("SIGTERM")).toBe(0);
  expect(await printed).toMatchObject({ code: 0, stdout: "", stderr: "" });
});

test("a client that goes away is not waited for, also one that got nothing yet", async () => {
  using home = new Home();
  await using server = await startServer(home.store, { args: ["--expose", "127.0.0.1:0"] });
  const exposed = await server.listensAt("expose");
  const token = (await Bun.file(`${home.store}/token`).text()).trim();
  for (const address of [server.unix, exposed]) {
    const ask = `GET /?wait=${LONG}&tail HTTP/1.1\r\nHost: ${address === exposed ? exposed : "localhost"}\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    const gone = await RawConnection.open(address);
    gone.send(ask);
    await waiters(server, 1);
    gone[Symbol.dispose]();
    await waiters(server, 0);
  }
});

/** Waits until so many reads of clients wait. The server follows the stream itself, once. */
async function waiters(server: Server, count: number): Promise<void> {
  await until(`${count} waiting reads`, async () => {
    const metrics = await (await server.fetch("/metrics")).text();
    return metrics.includes(`\nxs_followers ${count + 1}\n`);
  });
}

test("scripts read by time, and wait", async () => {
  using home = new Home();
  await withDays(home);
  await using _server = await startServer(home.store);
  const run = async (script: string) =>
    JSON.parse(
      await home.ok(["eval", home.store, "-c", script], { env: { ...WITH_NU, ...TOKYO } }),
    );
  const ts = (options: string) =>
    run(`export default async (xs) => {
      const days = [];
      for await (const { meta } of xs.cat({ topic: "note", ${options} })) days.push(meta.day);
      return days;
    }`);
  expect(await ts(`since: "2026-01-03", until: "2026-01-05"`)).toEqual([3, 4]);
  expect(await ts(`since: new Date(Date.UTC(2026, 0, 5))`)).toEqual([5, 6]);
  expect(await ts(`since: "90s", until: undefined`)).toEqual([]);
  expect(await ts(`wait: 20, since: "90s"`)).toEqual([]);
  expect(await ts(`wait: ${LONG}, last: 1`)).toEqual([6]);
  for (const [options, named] of [
    [`since: "soon"`, "since="],
    [`since: new Date(NaN)`, "since"],
    [`since: 5`, "since"],
    [`until: "1h", follow: true`, "until"],
    [`wait: "soon"`, "wait="],
  ] as const) {
    const script = `export default async (xs) => { for await (const f of xs.cat({ ${options} })); }`;
    const { code, stderr } = await home.xs(["eval", home.store, "-c", script]);
    expect([options, code, stderr]).toEqual([options, 1, expect.stringContaining(named)]);
  }
  const nu = (options: string) => run(`[(.cat --topic note ${options} | get meta.day)]`);
  expect(await nu("--since '2026-01-03' --until '2026-01-04'")).toEqual([3]);
  expect(await nu("--since 2026-01-03T12:00:00Z --until 2026-01-05T00:00:00Z")).toEqual([3, 4]);
  expect(await nu("--since ('2026-01-05T00:00:00Z' | into datetime)")).toEqual([5, 6]);
  expect(await nu("--since (date now | $in - 90wk)")).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await nu("--since 9000wk")).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await nu("--since 90s --wait 20")).toEqual([]);
  expect(await nu("--since 90sec")).toEqual([]);
  expect(await nu(`--last 1 --wait ${LONG}`)).toEqual([6]);
});
