import { expect, setDefaultTimeout, test } from "bun:test";
import { timestampOf } from "../../src/core/id.ts";
import { Home } from "../cli/run-xs.ts";
import { answered, countOf, framesOf, say, serving, spawn } from "../support/processors.ts";
import { parseLines, type Server } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

// Scripts append at another time: each runtime schedules one, and writes one of the past.

const SCRIPTS: Record<string, string> = {
  ts: `export default {
    topics: ["n"],
    async run(frame, state, xs) {
      await xs.append("later", "tea", { meta: { n: 1 }, at: new Date(Date.now() + 1000) });
      await xs.append("far", null, { at: "2099-01-01T10:00:00Z" });
      await xs.append("before", "run", { at: "2020-01-01" });
    },
  }`,
  nu: `{
    topics: ["n"]
    run: {|frame|
      "tea" | .append later --meta { n: 1 } --at ((date now) + 1sec)
      .append far --at 2099-01-01T10:00:00Z
      "run" | .append before --at "2020-01-01"
    }
  }`,
};

async function scheduled(server: Server): Promise<Record<string, unknown>[]> {
  return parseLines(await (await server.fetch("/-/scheduled")).text()) as never;
}

for (const [runtime, script] of Object.entries(SCRIPTS)) {
  test(`a handler in ${runtime} appends later, and before, with its other output`, async () => {
    await serving(async (server) => {
      const { id: spawnId } = await spawn(server, "handler", "timer", script);
      const { id } = await say(server, "n");
      const [before] = await countOf(server, "before", 1);
      expect(timestampOf(before?.id ?? "")).toBe(Date.parse("2020-01-01T00:00Z"));
      const origin = { handler_id: spawnId, frame_id: id };
      expect(before?.meta).toEqual(origin);
      const [later] = await countOf(server, "later", 1);
      expect(later?.meta).toEqual({ n: 1, ...origin });
      expect(await (await server.fetch(`/${later?.id}/content`)).text()).toBe("tea");
      expect(await scheduled(server)).toMatchObject([
        { topic: "far", at: "2099-01-01T10:00:00.000Z", meta: origin },
      ]);
    });
  });
}

test("a time that makes no sense is an error of the frame, and nothing of it is kept", async () => {
  await serving(async (server) => {
    const script = `export default {
      topics: ["n"], on_error: "skip",
      run: async ({ meta }, state, xs) => {
        await xs.append("kept.not", "x", { at: "2099-01-01" });
        await xs.append("b", "x", { at: meta.at, ttl: meta.ttl });
      },
    }`;
    await spawn(server, "handler", "timer", script);
    for (const meta of [{ at: "soon" }, { at: "2099-01-01", ttl: "ephemeral" }]) {
      await say(server, "n", meta);
    }
    const errors = await countOf(server, "timer.error", 2);
    expect(errors.map(({ meta }) => meta.reason)).toEqual([
      expect.stringContaining('at="soon" is not a time'),
      expect.stringContaining("does not go with the ttl ephemeral"),
    ]);
    expect(await framesOf(server, "b")).toEqual([]);
    expect(await scheduled(server)).toEqual([]);
    // As with an until: that has passed, the frame is over at once.
    await say(server, "n", { at: "2020-01-01", ttl: "time:1h" });
    await until("it is done", async () => (await scheduled(server)).length === 1);
    expect(await framesOf(server, "b")).toEqual([]);
    expect(await framesOf(server, "timer.error")).toHaveLength(2);
  });
});

test("a generator and xs eval append at another time", async () => {
  await serving(async (server) => {
    const script = `export default async function* (xs) {
      await xs.append("later", "x", { at: new Date("2099-01-01") });
      yield "done";
    }`;
    const generator = await spawn(server, "generator", "gen", script, { restart: "never" });
    await answered(server, generator, "finished");
    expect(await scheduled(server)).toMatchObject([{ topic: "later" }]);
    using home = new Home();
    const code = 'export default (xs) => xs.append("b", "x", { at: "2098-01-01" })';
    await home.ok(["eval", server.directory, "-c", code]);
    expect(await scheduled(server)).toMatchObject([{ topic: "b" }, { topic: "later" }]);
  });
});

test("a handler gets what another append brings of the past once, and xs handler try shows times", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "seen",
      'export default { topics: ["run"], run: (frame) => ({ out: { id: frame.id } }) }',
    );
    const ids: string[] = [];
    for (const day of ["03", "01", "02"]) {
      const response = await server.fetch(`/run?at=2020-01-${day}`, { method: "POST" });
      ids.push(((await response.json()) as { id: string }).id);
    }
    const last = await say(server, "run");
    const outs = await countOf(server, "seen.out", 4);
    expect(outs.map(({ meta }) => meta.id)).toEqual([...ids, last.id]);
    using home = new Home();
    await Bun.write(
      `${home.path}/h.ts`,
      'export default { topics: ["run"], run: (f, s, xs) => xs.append("x", "y", { at: "2099-01-01" }) }',
    );
    const shown = await home.ok(["handler", "try", server.directory, "h.ts"]);
    expect(shown).toContain('"at":"2099-01-01T00:00:00.000Z"');
  });
});
