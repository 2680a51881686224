import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { importLate, importLine, importLines, lateId } from "../support/late.ts";
import {
  answered,
  countOf,
  framesOf,
  kvText,
  say,
  sayMany,
  spawn,
  statuses,
  textsOf,
  WITH_NU,
} from "../support/processors.ts";
import { type Server, startServer, XS } from "../support/server.ts";
import { expectSound, sqliteEngine } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

type Part = (server: Server, directory: string) => Promise<void>;

/** Runs each part with a server of its own on the same store, and checks the store after it. */
async function inTurns(...parts: readonly Part[]): Promise<void> {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  for (const part of parts) {
    await using server = await startServer(directory, { env: WITH_NU });
    await part(server, directory);
    expect(await server.stop("SIGTERM")).toBe(0);
  }
  await expectSound(directory);
}

/** Imports late frames into a store that no server has. */
async function importAlone(directory: string, lines: readonly string[]): Promise<void> {
  const run = Bun.spawn([XS, "import", directory, "-"], {
    stdin: Buffer.from(lines.join("\n")),
    stdout: "ignore",
    stderr: "ignore",
  });
  expect(await run.exited).toBe(0);
}

const COPIER = {
  ts: 'export default { topics: ["n"], run: ({ meta }) => ({ out: { n: meta.n } }) }',
  nu: "{ topics: [n], run: {|frame| { out: { n: $frame.meta.n } } } }",
  exec: `#!/usr/bin/env python3
import json, sys
print('{"ready":{"topics":["n"]}}', flush=True)
for line in sys.stdin:
    frame = json.loads(line)
    print(json.dumps({"out": {"n": frame["meta"]["n"]}, "frame_id": frame["id"], "done": frame["id"]}), flush=True)
`,
};

const numbersOf = async (server: Server, topic: string) =>
  (await framesOf(server, topic)).map(({ meta }) => meta.n as number);

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

test.each(Object.entries(COPIER))(
  "a late frame is handled once, when it comes: live, after a restart, and while no server ran: %s",
  async (_, script) => {
    await inTurns(
      async (server) => {
        await spawn(server, "handler", "copy", script);
        await sayMany(server, "n", 2);
        await importLate(server, "n", 3, 2);
        await sayMany(server, "n", 1, 5);
        await importLate(server, "n", 1, 6);
        await countOf(server, "copy.out", 7);
      },
      async (server) => {
        await sayMany(server, "n", 1, 7);
        await countOf(server, "copy.out", 8);
        await server.stop("SIGTERM");
        await importAlone(server.directory, [importLine("n", lateId(8), { n: 8 })]);
      },
      async (server) => {
        await countOf(server, "copy.out", 9);
        await sayMany(server, "n", 1, 9);
        await countOf(server, "copy.out", 10);
        expect(await numbersOf(server, "copy.out")).toEqual(upTo(10));
        const ids = (await framesOf(server, "n")).map(({ id }) => id).sort();
        const out = await framesOf(server, "copy.out");
        expect(out.map(({ meta }) => meta.frame_id).sort()).toEqual(ids);
      },
    );
  },
);

test("the record of a handler says where among late frames it is, and who wrote it", async () => {
  const slow = `export default { topics: ["n"], one_by_one: true, initial: 0,
    async run({ meta: { n } }, s, xs) {
      if (n === 500 && !(await xs.kv.get("go"))) { await xs.kv.put("at", n); await new Promise(() => {}); }
      await xs.kv.put("seen", n);
      return { out: { n }, next: s + 1 };
    } }`;
  const record = async (server: Server) =>
    JSON.parse((await kvText(server, "stream.cross.handler/h")) ?? "{}");
  using home = tempDirectory();
  const directory = join(home.path, "store");
  {
    await using server = await startServer(directory);
    const handler = await spawn(server, "handler", "h", slow);
    expect(await record(server)).toEqual({ spawn_id: handler.id, cursor: handler.id, state: 0 });
    await importLate(server, "n", 1000, 0);
    await countOf(server, "h.out", 500);
    const [received] = await framesOf(server, "stream.cross.received");
    expect(received?.meta).toMatchObject({ frames: 1000, oldest: lateId(0) });
    expect(await record(server)).toEqual({
      spawn_id: handler.id,
      cursor: lateId(499),
      position: received?.id,
      state: 500,
    });
    await server.stop("SIGKILL");
  }
  await using server = await startServer(directory);
  await server.fetch("/kv/go", { method: "PUT", body: "1" });
  await countOf(server, "h.out", 1000);
  expect(await numbersOf(server, "h.out")).toEqual(upTo(1000));
  await sayMany(server, "n", 1, 1000);
  await countOf(server, "h.out", 1001);
  const { position, state } = await record(server);
  expect([position, state]).toEqual([undefined, 1001]);
  expect((await statuses(server))[0]?.behind_ms).toBe(0);
  expect(await server.stop("SIGTERM")).toBe(0);
  await expectSound(directory);
  const store = sqliteEngine(directory);
  const writers = ["stream.cross.handler/h", "seen", "go"].map(
    async (key) => (await store.kv.get(key))?.writer,
  );
  expect(await Promise.all(writers)).toEqual(["h", "h", null]);
  await store.close();
});

const BY = (who: string, more = "") =>
  `export default { topics: ["n"], ${more}
    async run({ meta: { n } }) { await Bun.sleep(2); return { out: { by: "${who}", n } }; } }`;

test("a handler that is replaced among late frames handles what arrived before the new spawn, and no more", async () => {
  await inTurns(async (server) => {
    await spawn(server, "handler", "h", BY("FIRST"));
    await sayMany(server, "n", 5);
    await importLate(server, "n", 300, 5);
    await spawn(server, "handler", "h", BY("SECOND"));
    await importLate(server, "n", 50, 305);
    await sayMany(server, "n", 5, 355);
    const out = await countOf(server, "h.out", 360);
    expect(out.map(({ meta }) => meta.n)).toEqual(upTo(360));
    expect(out.map(({ meta }) => meta.by)).toEqual(
      upTo(360).map((n) => (n < 305 ? "FIRST" : "SECOND")),
    );
  });
});

test("a spawn that is late itself counts from the next start, and from its arrival on", async () => {
  await inTurns(
    async (server) => {
      const post = { method: "POST", body: COPIER.ts };
      const hash = (await (await server.fetch("/cas", post)).text()).trim();
      const lines = [importLine("n", lateId(0), { n: 0 })];
      lines.push(importLine("stream.cross.handler.spawn", lateId(1), { topic: "copy" }, hash));
      lines.push(importLine("n", lateId(2), { n: 2 }));
      await sayMany(server, "n", 1, 100);
      await importLines(server, lines);
      await sayMany(server, "n", 1, 3);
      await importLate(server, "n", 1, 4);
      expect(await framesOf(server, "copy.out")).toEqual([]);
    },
    async (server) => {
      await countOf(server, "copy.out", 3);
      await importLate(server, "n", 1, 5);
      await countOf(server, "copy.out", 4);
      expect(await numbersOf(server, "copy.out")).toEqual([2, 3, 4, 5]);
    },
  );
});

test("start is in the order of arrival: first, and after a late frame", async () => {
  await inTurns(async (server) => {
    await sayMany(server, "n", 2);
    await importLate(server, "n", 3, 2);
    await sayMany(server, "n", 2, 5);
    const from = (start: string) => COPIER.ts.replace("topics", `start: "${start}", topics`);
    await spawn(server, "handler", "all", from("first"));
    await spawn(server, "handler", "rest", from(lateId(3)));
    await countOf(server, "all.out", 7);
    await countOf(server, "rest.out", 3);
    await sayMany(server, "n", 1, 7);
    await countOf(server, "all.out", 8);
    await countOf(server, "rest.out", 4);
    expect(await numbersOf(server, "all.out")).toEqual(upTo(8));
    expect(await numbersOf(server, "rest.out")).toEqual([4, 5, 6, 7]);
  });
});

test("a handler that reads what it wrote gets it on late frames too, and an error there is its own", async () => {
  const script = `export default { topics: ["n"], on_error: "skip",
    async run({ meta: { n } }, _, xs) {
      const last = await xs.last("made");
      const sum = ((await xs.kv.get("sum")) ?? 0) + n;
      await xs.kv.put("sum", sum);
      await xs.append("made", "", { meta: { n } });
      if (n === 3) throw new Error("no 3");
      return { out: { n, before: last?.meta.n ?? null, sum } };
    } }`;
  await inTurns(async (server) => {
    await spawn(server, "handler", "h", script);
    await sayMany(server, "n", 2);
    await importLate(server, "n", 4, 2);
    await sayMany(server, "n", 1, 6);
    const out = await countOf(server, "h.out", 6);
    expect(out.map(({ meta }) => [meta.n, meta.before, meta.sum])).toEqual([
      [0, null, 0],
      [1, 0, 1],
      [2, 1, 3],
      [4, 2, 7],
      [5, 4, 12],
      [6, 5, 18],
    ]);
    const [error] = await framesOf(server, "h.error");
    expect([error?.meta.frame_id, error?.meta.reason]).toEqual([
      lateId(3),
      expect.stringContaining("no 3"),
    ]);
  });
});

test.each([1, 8])(
  "programs that report at their own pace are understood about late frames: %d at once",
  async (atOnce) => {
    // Declares frames done by threes only, with the effects named after the frames.
    const script = `#!/usr/bin/env python3
import json, sys
print(json.dumps({"ready": {"topics": ["n"], "concurrency": ${atOnce}}}), flush=True)
waiting = []
for line in sys.stdin:
    frame = json.loads(line)
    waiting.append(frame)
    if len(waiting) == 3 or ${atOnce} > 1:
        for each in waiting:
            print(json.dumps({"out": {"n": each["meta"]["n"]}, "frame_id": each["id"]}))
        print(json.dumps({"done": waiting[-1]["id"]}), flush=True)
        waiting = []
`;
    await inTurns(async (server) => {
      await spawn(server, "handler", "h", script);
      await sayMany(server, "n", 4);
      for (let n = 4; n < 44; n += 4) {
        await importLate(server, "n", 3, n);
        await sayMany(server, "n", 1, n + 3);
      }
      await sayMany(server, "n", 1, 44);
      await countOf(server, "h.out", 45);
      expect(await numbersOf(server, "h.out")).toEqual(upTo(45));
    });
  },
);

test("a handler sees no output of a handler of its name that ran in another store", async () => {
  const elsewhere = lateId(1);
  const unknown = lateId(2);
  const all = `export default { topics: ["*"], run: ({ topic, meta }) =>
    topic.startsWith("stream.") ? undefined : { out: { topic, of: meta?.n } } }`;
  await inTurns(async (server) => {
    await spawn(server, "handler", "h", all);
    const other = await spawn(
      server,
      "handler",
      "other",
      'export default { topics: ["never"], run() {} }',
    );
    const made = (topic: string, n: number, meta: object) =>
      importLine(topic, lateId(10 + n), { n, ...meta });
    await importLines(server, [
      importLine("stream.cross.handler.spawn", elsewhere, { topic: "h" }),
      made("h.out", 1, { handler_id: elsewhere, frame_id: lateId(5) }),
      made("note", 2, { handler_id: elsewhere, frame_id: lateId(5) }),
      made("h.out", 3, { handler_id: unknown, frame_id: lateId(5) }),
      made("h.error", 4, { handler_id: unknown, frame_id: lateId(5), reason: "x" }),
      // These are not its own: of another handler, of a client, and of a handler that nobody knows.
      made("h.out", 5, { handler_id: other.id, frame_id: lateId(5) }),
      made("h.out", 6, {}),
      made("note", 7, { handler_id: unknown, frame_id: lateId(5) }),
    ]);
    await say(server, "end", { n: 8 });
    const out = await until("the end", async () => {
      const frames = await framesOf(server, "h.out");
      return frames.some(({ meta }) => meta.of === 8) && frames;
    });
    expect(out.flatMap(({ meta }) => meta.of ?? [])).toEqual([5, 6, 7, 8]);
  });
});

test("what an import brings of HTTP and of a generator's input reaches no program: live, and after a restart", async () => {
  const web = `export default { topics: ["http.request", "end"], start: "first",
    run: ({ topic, meta }) => topic === "end" ? { out: meta } : { response: { body: meta.n ?? "live" } } }`;
  const echo = 'while read -r line; do echo "got $line"; done';
  let content = "";
  const brought = async (server: Server) => {
    if (content === "") {
      const post = { method: "POST", body: "foreign\n" };
      content = (await (await server.fetch("/cas", post)).text()).trim();
    }
    // Ids above all that the store has, and far below.
    const newer = await server.append("mark");
    const above = (n: number) => `${newer.id.slice(0, 12)}zzzzzzzzzzzz${n}`;
    await importLines(server, [
      importLine("http.request", above(0), { n: "newer" }),
      importLine("g.send", above(1), null, content),
    ]);
    const older = Math.floor(Math.random() * 1e6);
    await importLines(server, [
      importLine("http.request", lateId(older), { n: "older" }),
      importLine("g.send", lateId(older + 1), null, content),
    ]);
  };
  const responses = async (server: Server) => (await framesOf(server, "http.response")).length;
  await inTurns(
    async (server) => {
      await spawn(server, "duplex", "g", echo, { runtime: "sh" });
      await spawn(server, "handler", "web", web);
      await brought(server);
      await server.append("g.send", "own\n");
      await say(server, "end", { n: 1 });
      await countOf(server, "web.out", 1);
      await countOf(server, "g.recv", 1);
      await server.stop("SIGTERM");
      await importAlone(server.directory, [importLine("http.request", lateId(2_000_000), {})]);
    },
    async (server) => {
      await brought(server);
      await server.append("g.send", "again\n");
      await say(server, "end", { n: 2 });
      await countOf(server, "web.out", 2);
      await countOf(server, "g.recv", 2);
      expect(await textsOf(server, "g.recv")).toEqual(["got own", "got again"]);
      expect([await responses(server), (await framesOf(server, "http.request")).length]).toEqual([
        0, 5,
      ]);
      // A handler that begins with the first frame does not take them either.
      const anew = await spawn(server, "handler", "anew", web);
      await countOf(server, "anew.out", 2);
      await answered(server, anew, "active");
      expect(await responses(server)).toBe(0);
    },
  );
});

test.each(["older", "newer"])(
  "an import of a store with a handler of the same name loses no frame that waited: its spawn is %s",
  async (which) => {
    using home = tempDirectory();
    const [mine, theirs] = [join(home.path, "mine"), join(home.path, "theirs")];
    const withHandler = async (directory: string, n: number) => {
      await using server = await startServer(directory);
      await spawn(server, "handler", "h", COPIER.ts);
      await sayMany(server, "n", 1, n);
      await countOf(server, "h.out", 1);
      expect(await server.stop("SIGTERM")).toBe(0);
    };
    if (which === "older") await withHandler(theirs, 10);
    await withHandler(mine, 0);
    const run = async (command: string) => {
      const shell = Bun.spawn(["sh", "-c", command, XS, mine, theirs], { stdout: "ignore" });
      expect(await shell.exited).toBe(0);
    };
    await run(`"$0" append "$1" n --meta '{"n":1}' </dev/null`);
    if (which === "newer") await withHandler(theirs, 10);
    await run('"$0" export "$2" - | "$0" import "$1" - 2>/dev/null');
    await using server = await startServer(mine);
    await sayMany(server, "n", 1, 2);
    // Output of the other store is there as well.
    const out = await until("all are handled", async () => {
      const own = (await framesOf(server, "h.out")).map(({ meta }) => meta.n as number);
      return own.includes(1) && own.includes(2) && own;
    });
    expect(out.filter((n) => n < 3).sort()).toEqual([0, 1, 2]);
    expect(await server.stop("SIGTERM")).toBe(0);
    await expectSound(mine);
  },
);
