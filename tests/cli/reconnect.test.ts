import { expect, setDefaultTimeout, test } from "bun:test";
import { renameSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import { makeDamagedStore } from "../support/damage.ts";
import { Follower } from "../support/follower.ts";
import { importLate } from "../support/late.ts";
import { type Server, startServer } from "../support/server.ts";
import { TEST_MS, until, within } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(4 * TEST_MS);

const THRESHOLD = "stream.cross.threshold";
const STOPPED = "the server stopped; --reconnect goes on when it is back";
const WAITS = "the server stopped; this command waits until it is back";
const BACK = "the server is back";

/** Appends frames whose meta counts. */
async function count(server: Server, topic: string, from: number, to: number): Promise<void> {
  const lines = Array.from({ length: to - from }, (_, at) =>
    JSON.stringify({ topic, meta: from + at }),
  );
  const response = await server.fetch("/stream", { method: "POST", body: lines.join("\n") });
  if (!response.ok) throw new Error(await response.text());
}

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);

test("a follower without --reconnect says on stderr that the server stopped", async () => {
  using home = new Home();
  for (const [signal, code] of [
    ["SIGTERM", 0],
    ["SIGKILL", 1],
  ] as const) {
    for (const args of [
      ["cat", home.store, "--follow"],
      ["last", home.store, "--follow"],
      ["kv", "watch", home.store, "k"],
    ]) {
      await using server = await startServer(home.store);
      await using follower = new Follower(home.path, args);
      await follower.has(THRESHOLD);
      await server.stop(signal);
      expect([args, await within("the end", follower.exited)]).toEqual([args, code]);
      expect(follower.stderr).toContain("the server stopped");
      expect(follower.stderr).toContain("--reconnect goes on when it is back");
      if (signal === "SIGTERM") expect(follower.stderr).toContain(STOPPED);
    }
  }
});

test("a follower that has its --limit says nothing about the server", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  await count(server, "n", 0, 3);
  for (const more of [[], ["--reconnect"], ["--pulse", "10"], ["--sse"]]) {
    const args = ["cat", home.store, "--follow", "--topic", "n", ...more];
    const filled = await home.xs([...args, "--limit", "3"]);
    expect([filled.code, filled.stderr]).toEqual([0, ""]);
    expect(filled.stdout).not.toContain(THRESHOLD);
    await using live = new Follower(home.path, [...args, "--tail", "--limit", "1"]);
    await live.has(THRESHOLD);
    await server.append("n");
    expect(await within("the end", live.exited)).toBe(0);
    expect(live.stderr).toBe("");
  }
});

test("with --reconnect every frame comes once, over kills and stops, with one threshold", async () => {
  using home = new Home();
  let server = await startServer(home.store);
  try {
    await count(server, "n", 0, 5);
    await using follower = new Follower(home.path, ["cat", home.store, "-f", "--reconnect"]);
    await follower.has(THRESHOLD);
    let next = 5;
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      const outages = signal === "SIGKILL" ? 1 : 2;
      await count(server, "n", next, next + 3);
      await server.stop(signal);
      await follower.says(WAITS, outages);
      server = await startServer(home.store);
      await count(server, "n", next + 3, next + 5);
      next += 5;
      await follower.says(BACK, outages);
      await follower.has(`"meta":${next - 1},`);
    }
    const stored = await server.frames();
    const printed = follower.lines;
    expect(printed.filter(({ topic }) => topic === THRESHOLD).length).toBe(1);
    expect(printed.filter(({ topic }) => topic !== THRESHOLD) as unknown).toEqual(stored);
    // Once for each outage, however many tries it took.
    expect(follower.stderr.split(WAITS).length - 1).toBe(2);
    expect(follower.stderr.split(BACK).length - 1).toBe(2);
  } finally {
    await server.stop("SIGKILL");
  }
});

test("it waits for a server that is not there yet, and says so", async () => {
  using home = new Home();
  await home.makeStore();
  for (const args of [
    ["cat", home.store, "-f", "--reconnect"],
    ["last", home.store, "-f", "--reconnect"],
    ["kv", "watch", home.store, "k", "--reconnect"],
  ]) {
    await using follower = new Follower(home.path, args);
    await follower.says("none serves");
    await using _server = await startServer(home.store);
    await follower.has(THRESHOLD);
    await follower.says("a server is there");
  }
});

test("what will not pass ends it, at first and after an outage", async () => {
  using home = new Home();
  const never: [args: string[], said: string, env?: Record<string, string>][] = [
    [["cat", "./nowhere", "-f", "--reconnect"], "there is no store at"],
    [["kv", "watch", "./nowhere", "k", "--reconnect"], "there is no store at"],
  ];
  for (const [args, said] of never) {
    const { code, stderr } = await home.xs(args);
    expect([args, code, stderr]).toEqual([args, 1, expect.stringContaining(said)]);
  }
  const server = await startServer(home.store, { args: ["--expose", ":0"] });
  const at = await server.listensAt("expose");
  const wrong = await home.xs(["cat", at, "-f", "--reconnect"], { env: { XS_TOKEN: "wrong" } });
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("token")]);
  await server.stop("SIGKILL");
});

test("a store that is away after the server was there may come back", async () => {
  using home = new Home();
  const server = await startServer(home.store);
  await count(server, "n", 0, 3);
  await using follower = new Follower(home.path, [
    ...["cat", home.store, "-f", "--topic", "n", "--reconnect"],
  ]);
  await follower.has(THRESHOLD);
  await server.stop("SIGKILL");
  renameSync(home.store, `${home.store}-away`);
  await follower.says(WAITS);
  // It looks there at least once.
  await Bun.sleep(300);
  renameSync(`${home.store}-away`, home.store);
  await using again = await startServer(home.store);
  await count(again, "n", 3, 5);
  await until(
    "the new frames",
    () => follower.lines.filter(({ topic }) => topic === "n").length === 5,
  );
  expect(follower.lines.filter(({ topic }) => topic === "n").map(({ meta }) => meta)).toEqual(
    numbers(5),
  );
  await follower.says(BACK);
});

test("--reconnect is for what follows", async () => {
  using home = new Home();
  await home.makeStore();
  for (const args of [
    ["cat", home.store, "--reconnect"],
    ["last", home.store, "--reconnect"],
  ]) {
    const { code, stdout, stderr } = await home.xs(args);
    expect([args, code, stdout]).toEqual([args, 2, ""]);
    expect(stderr).toContain("--follow");
  }
});

test("Ctrl-C, and a reader that goes, end it at once while it waits", async () => {
  using home = new Home();
  await home.makeStore();
  await using follower = new Follower(home.path, ["cat", home.store, "-f", "--reconnect"]);
  await follower.says("none serves");
  follower.kill("SIGINT");
  expect(await within("the end", follower.exited)).toBe(130);
  const { code } = await home.shell(
    `set -o pipefail; xs cat "${home.store}" -f --reconnect | true`,
  );
  expect(code).toBe(0);
});

test("options for the start count for the first connection alone", async () => {
  using home = new Home();
  let server = await startServer(home.store);
  try {
    await count(server, "n", 0, 10);
    const [, , third] = await server.frames("/stream/n");
    const cases: [args: string[], first: number][] = [
      [["cat", home.store, "-f", "-T", "n", "--last", "2"], 8],
      [["cat", home.store, "-f", "-T", "n", "--tail"], 10],
      [["cat", home.store, "-f", "-T", "n", "--from", `${third?.id}`], 2],
      [["cat", home.store, "-f", "-T", "n", "--last-id", `${third?.id}`], 3],
      [["cat", home.store, "-f", "-T", "n", "--order", "arrival"], 0],
      [["cat", home.store, "-f", "-T", "n", "--since", "1h"], 0],
      [["cat", home.store, "-f", "-T", "n", "--last", "0"], 10],
      [["cat", home.store, "-f", "-T", "n", "--content"], 0],
      [["cat", home.store, "-f", "-T", "n", "--with-timestamp", "--pulse", "50"], 0],
      [["last", home.store, "n", "3", "-f"], 7],
      [["last", home.store, "n", "-f"], 9],
    ];
    const followers = cases.map(([args]) => new Follower(home.path, [...args, "--reconnect"]));
    for (const follower of followers) await follower.has(THRESHOLD);
    let next = 10;
    for (let round = 0; round < 3; round++) {
      await server.stop("SIGKILL");
      server = await startServer(home.store);
      await count(server, "n", next, next + 2);
      next += 2;
    }
    for (const [at, follower] of followers.entries()) {
      await follower.has(`"meta":${next - 1},`);
      const [args, first] = cases[at] ?? [[], 0];
      const metas = follower.lines.filter(({ topic }) => topic === "n").map(({ meta }) => meta);
      expect([args, metas]).toEqual([args, numbers(next).slice(first)]);
      expect(follower.stdout.split(`"${THRESHOLD}"`).length - 1).toBe(1);
      if (args.includes("--with-timestamp")) expect(follower.stdout).toContain('"timestamp"');
      await follower[Symbol.asyncDispose]();
    }
  } finally {
    await server.stop("SIGKILL");
  }
});

test("--limit counts over all connections", async () => {
  using home = new Home();
  let server = await startServer(home.store);
  try {
    await count(server, "n", 0, 2);
    const args = ["cat", home.store, "-f", "-T", "n", "--limit", "5", "--reconnect"];
    await using follower = new Follower(home.path, args);
    await follower.has('"meta":1,');
    for (let next = 2; next < 5; next++) {
      await server.stop("SIGKILL");
      server = await startServer(home.store);
      await count(server, "n", next, next + 1);
      await follower.has(`"meta":${next},`);
    }
    expect(await within("the end", follower.exited)).toBe(0);
    expect(follower.lines.filter(({ topic }) => topic === "n").length).toBe(5);
  } finally {
    await server.stop("SIGKILL");
  }
});

test("server-sent events go on with whole events", async () => {
  using home = new Home();
  let server = await startServer(home.store);
  try {
    await count(server, "n", 0, 2);
    const args = ["cat", home.store, "-f", "-T", "n", "--sse", "--reconnect"];
    await using follower = new Follower(home.path, args);
    await follower.has(THRESHOLD);
    await server.stop("SIGKILL");
    server = await startServer(home.store);
    await count(server, "n", 2, 4);
    await follower.has('"meta":3,');
    await follower.has("\n\n", 5);
    const events = follower.stdout.split("\n\n").slice(0, -1);
    expect(events.length).toBe(5);
    for (const event of events) {
      const [id, data] = event.split("\n");
      expect(id).toBe(`id: ${JSON.parse(data?.slice("data: ".length) ?? "").id}`);
    }
  } finally {
    await server.stop("SIGKILL");
  }
});

test("late frames that come during an outage come, once", async () => {
  using home = new Home();
  let server = await startServer(home.store);
  try {
    await count(server, "n", 0, 5);
    await importLate(server, "late", 3, 0);
    await using follower = new Follower(home.path, ["cat", home.store, "-f", "--reconnect"]);
    await follower.has(THRESHOLD);
    await importLate(server, "late", 3, 10);
    await follower.has('"n":12}');
    await server.stop("SIGKILL");
    server = await startServer(home.store);
    await importLate(server, "late", 3, 5);
    await count(server, "n", 5, 6);
    await follower.has('"meta":5,');
    const printed = follower.lines.filter(({ topic }) => topic !== THRESHOLD).map(({ id }) => id);
    expect(printed.length).toBe(new Set(printed).size);
    expect(printed.toSorted()).toEqual((await server.frames()).map(({ id }) => id));
  } finally {
    await server.stop("SIGKILL");
  }
});

test("the last frame was late, and is gone when the server is back: nothing comes again", async () => {
  using home = new Home();
  let server = await startServer(home.store);
  try {
    await count(server, "n", 0, 5);
    for (const more of [[], ["--topic", "n,late"]]) {
      const args = ["cat", home.store, "-f", "--reconnect", ...more];
      await using follower = new Follower(home.path, args);
      await follower.has(THRESHOLD);
      const first = 10 * more.length;
      await importLate(server, "late", 3, first);
      await follower.has(`"n":${first + 2}}`);
      const late = follower.lines.findLast(({ topic }) => topic === "late");
      await server.fetch(`/${late?.id}`, { method: "DELETE" });
      await server.stop("SIGKILL");
      server = await startServer(home.store);
      await importLate(server, "late", 1, first + 5);
      await count(server, "n", 5 + first, 6 + first);
      await follower.has(`"meta":${5 + first},`);
      const printed = follower.lines.map(({ id }) => id);
      expect([more, printed.length]).toEqual([more, new Set(printed).size]);
      expect(follower.stdout).toContain(`"n":${first + 5}}`);
    }
  } finally {
    await server.stop("SIGKILL");
  }
});

/** Passes bytes on between its clients and a server. @param most how many bytes of a server's connection get through */
function relay(server: Server, most: () => number) {
  return Bun.listen<{ up: Promise<Socket> }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(client) {
        let left = most();
        const up = createConnection(server.unix);
        up.on("error", () => {});
        client.data = { up: new Promise((resolve) => up.once("connect", () => resolve(up))) };
        up.on("data", (bytes: Buffer) => {
          client.write(bytes.subarray(0, left));
          left -= bytes.length;
          if (left > 0) return;
          client.end();
          up.destroy();
        });
      },
      async data(client, bytes) {
        (await client.data.up).write(bytes);
      },
      async close(client) {
        (await client.data.up).destroy();
      },
    },
  });
}

test("a history that breaks off in the middle of lines, late frames among them, is whole", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  await count(server, "n", 0, 300);
  await importLate(server, "late", 20, 0);
  await count(server, "n", 300, 400);
  await importLate(server, "late", 20, 100);
  const all = (await server.frames()).map(({ id }) => id);
  const [from] = await server.frames("/stream/n?limit=1");
  for (const [more, wanted] of [
    [[], all],
    [["--last", "350"], all.slice(-350)],
    [["--order", "arrival"], all],
    [["--from", `${from?.id}`], all.filter((id) => id >= `${from?.id}`)],
    [["--sse"], all],
  ] as const) {
    let cuts = 0;
    // At odd places, and at last in whole.
    using cutting = relay(server, () => (++cuts < 8 ? 12_000 + cuts * 1531 : Infinity));
    const args = ["cat", `:${cutting.port}`, "-f", "--reconnect", ...more];
    await using follower = new Follower(home.path, args);
    await follower.has(`"${THRESHOLD}"`);
    const ids = follower.stdout.match(/(?<=,"id":")[0-9a-z]{25}/g) ?? [];
    expect([more, ids.toSorted().slice(0, -1)]).toEqual([more, [...wanted]]);
    expect(cuts).toBeGreaterThan(2);
  }
});

test("a damaged frame, before which each answer breaks off, ends it", async () => {
  using home = new Home();
  await makeDamagedStore(home.store, 3);
  await using _server = await startServer(home.store);
  const { code, stdout, stderr } = await home.xs(["cat", home.store, "-f", "--reconnect"]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("xs verify");
});

test("over TCP it goes on as well", async () => {
  using home = new Home();
  let server = await startServer(home.store, { args: ["--expose", ":0"] });
  try {
    const at = await server.listensAt("expose");
    const token = (await Bun.file(join(home.store, "token")).text()).trim();
    await count(server, "n", 0, 2);
    const args = ["cat", at, "-f", "-T", "n", "--reconnect"];
    await using follower = new Follower(home.path, args, { XS_TOKEN: token });
    await follower.has(THRESHOLD);
    await server.stop("SIGKILL");
    await follower.says(WAITS);
    server = await startServer(home.store, { args: ["--expose", at] });
    await count(server, "n", 2, 4);
    await follower.has('"meta":3,');
    expect(follower.lines.filter(({ topic }) => topic === "n").map(({ meta }) => meta)).toEqual(
      numbers(4),
    );
  } finally {
    await server.stop("SIGKILL");
  }
});

test("kv watch tells what changed during an outage, deletions too, and nothing twice", async () => {
  using home = new Home();
  let server = await startServer(home.store);
  const put = (key: string, value: string) =>
    home.ok(["kv", "put", home.store, key], { stdin: value });
  try {
    for (const key of ["v/a", "v/b", "v/c", "other"]) await put(key, "1");
    const args = ["kv", "watch", home.store, "v/", "--reconnect"];
    await using follower = new Follower(home.path, args);
    await follower.has(THRESHOLD);
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      await server.stop(signal);
      // Without a server.
      await put("v/a", signal);
      await put("other", signal);
      await home.ok(["kv", "delete", home.store, signal === "SIGKILL" ? "v/b" : "v/new"]);
      if (signal === "SIGKILL") await put("v/new", signal);
      server = await startServer(home.store);
      await follower.has(`"${signal}"`);
      await follower.has('"deleted":true', signal === "SIGKILL" ? 1 : 2);
      await put("v/end", signal);
      await follower.has(`"key":"v/end"`, signal === "SIGKILL" ? 1 : 2);
    }
    await put("v/b", "again");
    await follower.has("again");
    const told = follower.lines.map(({ key, topic, ...line }) =>
      [key ?? topic, (line as { value?: string }).value ?? "deleted" in line].join(" "),
    );
    expect(told).toEqual([
      "v/a 1",
      "v/b 1",
      "v/c 1",
      `${THRESHOLD} false`,
      "v/a SIGKILL",
      "v/new SIGKILL",
      "v/b true",
      "v/end SIGKILL",
      "v/a SIGTERM",
      "v/new true",
      "v/end SIGTERM",
      "v/b again",
    ]);
    const revs = follower.lines.map(({ rev, id }) => rev ?? id);
    expect(revs.length).toBe(new Set(revs).size);
  } finally {
    await server.stop("SIGKILL");
  }
});

test("the watch of one key tells its deletion during an outage", async () => {
  using home = new Home();
  let server = await startServer(home.store);
  try {
    await home.ok(["kv", "put", home.store, "k"], { stdin: "1" });
    await using follower = new Follower(home.path, ["kv", "watch", home.store, "k", "--reconnect"]);
    await follower.has(THRESHOLD);
    await server.stop("SIGKILL");
    await home.ok(["kv", "delete", home.store, "k"]);
    server = await startServer(home.store);
    await follower.has('"deleted":true');
    await home.ok(["kv", "put", home.store, "k"], { stdin: "2" });
    await follower.has('"value":"2"');
    expect(follower.lines.length).toBe(4);
  } finally {
    await server.stop("SIGKILL");
  }
});
