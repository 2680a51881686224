import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { packId } from "../../src/core/id.ts";
import {
  type AnyFrame,
  answered,
  answers,
  countOf,
  framesOf,
  say,
  spawn,
  statuses,
  textsOf,
} from "../support/processors.ts";
import { type Server, startServer } from "../support/server.ts";
import { expectSound, sqliteEngine } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const by = (who: string, more = "") => `export default {
  topics: ["ping"], ${more}
  run: (frame) => {
    if (frame.meta?.fatal === "${who}") throw new Error("told to");
    return { out: { by: "${who}", n: frame.meta.n } };
  },
}`;

/** An id of this moment, later than all that the log has and earlier than what comes next. */
async function idOfNow(): Promise<string> {
  const then = Date.now();
  await until("the clock moves on", () => Date.now() > then);
  const id = packId({ ts_ms: Date.now(), counter_hi: 0, counter_lo: 0, node: "00000000" });
  const now = Date.now();
  await until("the clock moves on", () => Date.now() > now);
  return id;
}

/** Imports a spawn, as another store has it, into a server that runs. */
async function importSpawn(
  server: Server,
  name: string,
  script: string | undefined,
  id: string,
  more: { kind?: "handler" | "duplex"; meta?: object } = {},
): Promise<AnyFrame> {
  const hash =
    script === undefined
      ? null
      : (await (await server.fetch("/cas", { method: "POST", body: script })).text()).trim();
  const topic = `stream.cross.${more.kind ?? "handler"}.spawn`;
  const frame = { topic, id, hash, meta: { topic: name, ...more.meta }, ttl: "forever" };
  const response = await server.fetch("/import", { method: "POST", body: JSON.stringify(frame) });
  expect(response.status).toBe(200);
  return frame;
}

async function ping(server: Server, from: number, to: number, more = {}): Promise<void> {
  for (let n = from; n <= to; n++) await say(server, "ping", { n, ...more });
}

/** Who handled what, in the order of the log. */
async function handled(server: Server, name: string): Promise<[string, number][]> {
  return (await framesOf(server, `${name}.out`)).map(({ meta }) => [meta.by, meta.n]);
}

/** Runs each part with a server of its own on the same store, and checks the store after it. */
async function inTurns(...parts: ((server: Server) => Promise<void>)[]): Promise<void> {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  for (const part of parts) {
    await using server = await startServer(directory);
    await part(server);
    expect(await server.stop("SIGTERM")).toBe(0);
  }
  await expectSound(directory);
}

const numbers = (who: string, from: number, to: number): [string, number][] =>
  Array.from({ length: to - from + 1 }, (_, n) => [who, from + n]);

test("what a handler did after an imported spawn of its name, the new one does not do again", async () => {
  await inTurns(
    async (server) => {
      await spawn(server, "handler", "h", by("FIRST"));
      await ping(server, 1, 2);
      await importSpawn(server, "h", by("SECOND"), await idOfNow());
      await ping(server, 3, 5);
      await countOf(server, "h.out", 5);
    },
    async (server) => {
      await until("SECOND runs", async () =>
        (await framesOf(server, "*")).some(
          ({ topic }) => topic === "stream.cross.handler.replaced",
        ),
      );
      await ping(server, 6, 7);
      await countOf(server, "h.out", 7);
      await ping(server, 8, 8);
      await countOf(server, "h.out", 8);
      expect(await handled(server, "h")).toEqual([
        ...numbers("FIRST", 1, 5),
        ...numbers("SECOND", 6, 8),
      ]);
    },
  );
});

test("the same where the first one has failed before the restart", async () => {
  let theirs: AnyFrame;
  await inTurns(
    async (server) => {
      const first = await spawn(server, "handler", "h", by("FIRST"));
      await ping(server, 1, 2);
      theirs = await importSpawn(server, "h", by("SECOND"), await idOfNow());
      await ping(server, 3, 4);
      await ping(server, 5, 5, { fatal: "FIRST" });
      await answered(server, first, "failed");
    },
    async (server) => {
      await answered(server, theirs, "active");
      await ping(server, 6, 6);
      const out = await until("the last", async () => {
        const all = await handled(server, "h");
        return all.at(-1)?.[1] === 6 && all;
      });
      expect(out).toEqual([...numbers("FIRST", 1, 4), ...numbers("SECOND", 5, 6)]);
    },
  );
});

test("where several imported spawns do not load, the handler that ran goes on", async () => {
  const theirs: AnyFrame[] = [];
  let mine: AnyFrame;
  await inTurns(
    async (server) => {
      mine = await spawn(server, "handler", "h", by("FIRST"));
      await ping(server, 1, 2);
      for (let n = 0; n < 2; n++)
        theirs.push(await importSpawn(server, "h", undefined, await idOfNow()));
      await ping(server, 3, 3);
      await countOf(server, "h.out", 3);
    },
    async (server) => {
      await answered(server, theirs[1] as AnyFrame, "invalid");
      await ping(server, 4, 5);
      await countOf(server, "h.out", 5);
      expect(await handled(server, "h")).toEqual(numbers("FIRST", 1, 5));
      expect((await statuses(server)).map(({ spawn_id }) => spawn_id)).toEqual([mine.id]);
    },
    // What did not load is not waited for, also later.
    async (server) => {
      await ping(server, 6, 6);
      await countOf(server, "h.out", 6);
    },
  );
});

test("what did not load is not waited for by a handler that is still behind it after a restart", async () => {
  await inTurns(
    async (server) => {
      const slow = by("FIRST").replace(
        "run: (frame) => {",
        "one_by_one: true, run: async (frame) => { await Bun.sleep(frame.meta.ms ?? 0);",
      );
      await spawn(server, "handler", "h", slow);
      await ping(server, 1, 3, { ms: 700 });
      const bad = await say(server, "stream.cross.handler.spawn", { topic: "h" });
      await answered(server, bad, "invalid");
      await ping(server, 4, 4);
      expect((await answers(server, bad)).length).toBe(1);
    },
    async (server) => {
      await countOf(server, "h.out", 4);
      expect(await handled(server, "h")).toEqual(numbers("FIRST", 1, 4));
    },
  );
});

test("the same for what a duplex generator was sent, also where the first one has ended", async () => {
  for (const ends of [false, true]) {
    let theirs: AnyFrame;
    const send = async (server: Server, text: string, count: number) => {
      await server.append("g.send", `${text}\n`);
      await countOf(server, "g.recv", count);
    };
    const echo = (who: string) =>
      `while read -r line; do [ "$line" = "end ${who}" ] && exit 0; echo "${who} $line"; done`;
    await inTurns(
      async (server) => {
        const meta = { runtime: "sh", restart: "never" };
        const first = await spawn(server, "duplex", "g", echo("FIRST"), meta);
        await send(server, "1", 1);
        const id = await idOfNow();
        theirs = await importSpawn(server, "g", echo("SECOND"), id, { kind: "duplex", meta });
        await send(server, "2", 2);
        if (!ends) return;
        await server.append("g.send", "end FIRST\n");
        await answered(server, first, "finished");
      },
      async (server) => {
        await answered(server, theirs, "active");
        await send(server, "3", 3);
        expect(await textsOf(server, "g.recv")).toEqual(["FIRST 1", "FIRST 2", "SECOND 3"]);
      },
    );
  }
});

const GARBAGE: Record<string, string> = {
  null: "null",
  "no JSON": "\u0000{",
  nothing: "",
  "a list": "[1]",
  "wrong types": '{"spawn_id":1,"cursor":{}}',
  "no ids": '{"spawn_id":"h","cursor":"x"}',
};

test.each(Object.entries(GARBAGE))(
  "a record that an import brought and that is none keeps no handler from running: %s",
  async (_, value) => {
    using home = tempDirectory();
    const directory = join(home.path, "store");
    const store = sqliteEngine(directory);
    {
      // Keys of the runtime come only into a store that had no frame.
      using incoming = store.beginImport();
      const entry = { key: "stream.cross.handler/h", rev: await idOfNow(), writer: null };
      incoming.add({ entry: { ...entry, type: "application/json", value: Buffer.from(value) } });
      await incoming.commit();
    }
    await store.close();
    await using server = await startServer(directory);
    await spawn(server, "handler", "h", by("FIRST"));
    await ping(server, 1, 2);
    await countOf(server, "h.out", 2);
    expect(await handled(server, "h")).toEqual(numbers("FIRST", 1, 2));
    await server.stop("SIGTERM");
    expect(await server.stderr).toMatch(
      /xs: handler h begins anew: .* stream\.cross\.handler\/h is no record/,
    );
    await expectSound(directory);
  },
);
