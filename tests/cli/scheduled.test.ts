import { expect, setDefaultTimeout, test } from "bun:test";
import { timestampOf } from "../../src/core/id.ts";
import { Pty } from "../support/pty.ts";
import { parseLines, type Server, startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** Midnight here is 15:00 of the day before in UTC. */
const TOKYO = { TZ: "Asia/Tokyo" };

interface Scheduled {
  readonly scheduled: string;
  readonly at: string;
  readonly topic: string;
}

function scheduledIn(ndjson: string): Scheduled[] {
  return parseLines(ndjson) as unknown as Scheduled[];
}

async function contentsOf(server: Server, topic: string): Promise<string[]> {
  const frames = await server.frames(`/stream/${topic}?content=inline`);
  return frames.map((frame) => (frame as unknown as { content: string }).content);
}

test("--in appends later, at the moment when it is due; xs scheduled lists it until then, and rm takes it back", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const before = Date.now();
  const soon = await home.xs(["append", home.store, "soon", "tea", "--in", "3s", "-F", "n=1"]);
  expect([soon.code, soon.stderr]).toEqual([0, ""]);
  const [answer] = scheduledIn(soon.stdout);
  expect(answer?.topic).toBe("soon");
  const due = Date.parse(answer?.at ?? "");
  expect(due).toBeGreaterThanOrEqual(before + 3000);
  const [later] = scheduledIn(await home.ok(["append", "-s", home.store, "x", "y", "--in", "2h"]));
  const [tea] = await until("it comes", async () => {
    const frames = await server.frames("/stream/soon");
    return frames.length > 0 && frames;
  });
  expect(tea?.meta).toEqual({ n: 1 });
  expect(timestampOf(tea?.id ?? "")).toBeGreaterThanOrEqual(due);
  expect(await contentsOf(server, "soon")).toEqual(["tea"]);
  const listed = scheduledIn(await home.ok(["scheduled", home.store]));
  expect(listed).toMatchObject([{ scheduled: later?.scheduled ?? "", topic: "x" }]);
  const id = later?.scheduled ?? "";
  expect(await home.ok(["scheduled", "rm", home.store, id])).toBe("");
  expect(await home.ok(["scheduled", home.store])).toBe("");
  const again = await home.xs(["scheduled", "rm", home.store, id]);
  expect(again.code).toBe(1);
  expect(again.stderr).toContain(`no append is scheduled as ${id}`);
});

test("scheduled rm - takes the lines of the list or ids from stdin, and goes on where some are gone", async () => {
  using home = new Home();
  const times = Array.from({ length: 230 }, (_, n) => new Date(Date.now() + 3_600_000 + n * 1000));
  const lines = times.map((at) => JSON.stringify({ topic: "x", at: at.toISOString() }));
  const many = { stdin: `${lines.join("\n")}\n` };
  await home.ok(["append", home.store, "--batch"], many);
  const rm = (stdin: string) => home.xs(["scheduled", "rm", home.store, "-"], { stdin });
  const list = () => home.ok(["scheduled", home.store]);
  const all = await list();
  const ids = scheduledIn(all).map(({ scheduled }) => scheduled);
  expect(ids).toHaveLength(230);
  const wrong = await rm(`${ids[0]}\n{"id":"${ids[1]}"}\nnonsense\n`);
  expect(wrong).toMatchObject({ code: 1, stdout: "" });
  expect(wrong.stderr).toContain('"nonsense" are neither an id nor a scheduled event');
  expect(scheduledIn(await list())).toHaveLength(230);
  expect(await rm(`${ids[1]}\n${ids[2]}\n\n`)).toMatchObject({ code: 0, stdout: "", stderr: "" });
  const rest = await rm(all);
  expect(rest.code).toBe(1);
  expect(rest.stderr).toContain("of 230 scheduled events 228 are removed:");
  expect(rest.stderr).toContain(`no append is scheduled as ${ids[1]}`);
  expect(rest.stderr).toContain(`no append is scheduled as ${ids[2]}`);
  expect(await list()).toBe("");
  expect(await rm("")).toMatchObject({ code: 0, stdout: "", stderr: "" });
});

test("--in counts from when the content is there", async () => {
  using home = new Home();
  await home.makeStore();
  const line = `(sleep 3.2; echo x) | xs append '${home.store}' slow --in 3s`;
  const { stdout } = await home.shell(line);
  expect(scheduledIn(stdout)).toMatchObject([{ topic: "slow" }]);
});

test("without a server it is kept, which stderr says; the next server appends what came due meanwhile, in order", async () => {
  using home = new Home();
  const soon = new Date(Date.now() + 5000).toISOString();
  const sooner = new Date(Date.now() + 4900).toISOString();
  const append = (content: string, at: string) =>
    home.xs(["append", home.store, "remind", content, "--at", at]);
  const { code, stderr } = await append("second", soon);
  expect(code).toBe(0);
  expect(stderr).toContain(`made a new store at ${home.store}`);
  expect(stderr).toContain(`once it is due and a server runs, not paused:  xs serve ${home.store}`);
  await append("first", sooner);
  const [far] = scheduledIn((await append("never", "2099-01-01")).stdout);
  expect((await home.xs(["scheduled", "rm", home.store, far?.scheduled ?? ""])).code).toBe(0);
  const lines = `${JSON.stringify({ topic: "remind", content: "third", at: soon })}\n{"topic":"a"}\n`;
  const batch = await home.xs(["append", home.store, "--batch"], { stdin: lines });
  expect(batch.stdout).toMatch(/^\{"scheduled":.*\n\{"topic":"a",.*\n$/);
  expect(batch.stderr).toContain("a server runs");
  await until("both are due", () => Date.now() > Date.parse(soon));
  // A command that opens the store is no server.
  expect(await home.ok(["cat", home.store, "--topic", "remind"])).toBe("");
  expect(scheduledIn(await home.ok(["scheduled", home.store])).length).toBe(3);
  expect(await home.ok(["verify", home.store])).not.toContain("problem:");
  {
    await using paused = await startServer(home.store, { args: ["--paused"] });
    const more = await home.xs(["append", home.store, "remind", "late", "--in", "90s"]);
    expect(more.stderr).toContain("not paused");
    expect(await contentsOf(paused, "remind")).toEqual([]);
    expect(await paused.stop("SIGTERM")).toBe(0);
  }
  await using server = await startServer(home.store);
  await until("they come", async () => (await server.frames("/stream/remind")).length === 3);
  expect(await contentsOf(server, "remind")).toEqual(["first", "second", "third"]);
  expect(scheduledIn(await home.ok(["scheduled", home.store])).length).toBe(1);
});

test("--at in the past is an event of that time, in local time without an offset", async () => {
  using home = new Home();
  await home.ok(["append", home.store, "note", "now"]);
  const args = ["append", home.store, "run", "5 km", "--with-timestamp", "--at"];
  const print = (at: string) => home.xs([...args, at], { env: TOKYO });
  const local = await print("2025-11-25 07:30");
  expect(local.stdout).toContain('"timestamp":"2025-11-24T22:30:00.000Z"');
  expect(local.stderr).toBe("");
  expect((await print("2025-11-24")).stdout).toContain('"timestamp":"2025-11-23T15:00:00.000Z"');
  expect((await print("2025-11-24T01:00+01:00")).stdout).toContain("2025-11-24T00:00:00.000Z");
  expect(await home.topics(home.store)).toEqual(["run", "run", "run", "note"]);
  expect(
    parseLines(await home.ok(["cat", home.store, "--topic", "run", "--until", "2025-11-24T00:00Z"]))
      .length,
  ).toBe(1);
  await expectSound(home.store);
});

test("an import into an empty store says how many it brings, and they come there too", async () => {
  using home = new Home();
  const soon = new Date(Date.now() + 4000).toISOString();
  await home.ok(["append", home.store, "remind", "tea", "--at", soon]);
  await home.ok(["append", home.store, "remind", "--empty", "--at", "2099-01-01"]);
  await home.ok(["export", home.store, "all.tar"]);
  const imported = await home.xs(["import", "./other", "all.tar"]);
  expect(imported.stdout).toContain('"scheduled":2');
  expect(imported.stderr).toContain("2 appends are scheduled: with the next  xs serve  they come");
  await using server = await startServer(`${home.path}/other`);
  await until("it comes", async () => (await server.frames("/stream/remind")).length === 1);
  expect(await contentsOf(server, "remind")).toEqual(["tea"]);
  // A store in use takes none of them.
  const again = await home.xs(["import", "./other", "all.tar"]);
  expect(again.stdout).not.toContain("scheduled");
  expect(scheduledIn(await home.ok(["scheduled", "./other"])).length).toBe(1);
});

test.each([
  ["--in 0s", /--in "0s" is not a duration to come, like 90s/],
  ["--in 2", /--in "2" is not a duration/],
  ["--in tomorrow", /--in "tomorrow" is not a duration/],
  ["--in 200000w", /--in "200000w" is more than a hundred years ahead/],
  ["--in 999999999999999w", /is not a duration|more than a hundred years/],
  ["--at 2h", /that is a duration, and {2}xs append --in 2h/],
  ["--at tomorrow", /--at "tomorrow" is not a time like 2026/],
  ["--at 1960-01-01", /before 1970/],
  ["--at 2099-01-01 --in 2h", /--in does not go with --at/],
  ["--in 2h --ttl ephemeral", /--in "2h" does not go with the ttl ephemeral/],
  ["--at 2099-01-01 --ttl until:2098-01-01", /which ends before/],
  ["--in 2h --expect-last none", /--expect-last does not go with --in/],
  ["--in 2h --idempotency-key k", /so use --at/],
  ["--in 2h --chunked lines", /--in does not go with --chunked/],
  ["--at 2099-01-01 --batch", /--at does not go with --batch/],
])("append %s is wrong usage, and makes no store", async (options, why) => {
  using home = new Home();
  const words = options.includes("--batch") ? [] : ["x"];
  const { code, stdout, stderr } = await home.xs([
    "append",
    home.store,
    ...words,
    ...options.split(" "),
  ]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(why);
  expect((await home.xs(["scheduled", home.store])).stderr).toContain("there is no store");
});

test("on a terminal it is a table that names what rm takes", async () => {
  using home = new Home();
  await home.ok(["append", home.store, "remind", "call Anna", "--at", "2099-01-01T10:00Z"]);
  await home.ok(["append", home.store, "b.c", "--empty", "-F", "n=1", "--at", "2098-01-01T10:00Z"]);
  const [first] = scheduledIn(await home.ok(["scheduled", home.store]));
  await using pty = new Pty(["scheduled", home.store], { cwd: home.path });
  expect(await pty.end()).toBe(0);
  expect(pty.lines.slice(0, -1)).toEqual([
    expect.stringMatching(/^ +DUE {2}TOPIC {3}ID +META$/),
    `2098-01-01 10:00:00  b.c     ${first?.scheduled}  {"n":1}`,
    expect.stringMatching(/^2099-01-01 10:00:00 {2}remind {2}0\w{24} {2}\(content\)$/),
  ]);
});
