// Handlers whose topics are patterns with a * inside, or lists that take topics away.
import { expect, setDefaultTimeout, test } from "bun:test";
import {
  type AnyFrame,
  answered,
  ask,
  countOf,
  framesOf,
  say,
  sayMany,
  serving,
  spawn,
} from "../support/processors.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const LIST = ["*.recv", "new.*.x", "!udp.recv", "!*.out"];
const TAKEN = ["tcp.recv", "new.a.x", "born.recv"];
const OTHERS = ["udp.recv", "tcp.send", "recv", "new.x", "new.a.b.x", "a.tcp.recv"];

const SCRIPTS = {
  ts: `export default { topics: ${JSON.stringify(LIST)}, run: (f) => ({ out: { of: f.topic } }) }`,
  nu: `{ topics: ${JSON.stringify(LIST)}, run: {|f, s| { out: { of: $f.topic } } } }`,
};

test.each(["ts", "nu"] as const)("a handler gets what its patterns take: %s", async (runtime) => {
  await serving(async (server) => {
    await spawn(server, "handler", "echo", SCRIPTS[runtime]);
    for (const topic of [...OTHERS, ...TAKEN]) await say(server, topic);
    const out = await countOf(server, "echo.out", TAKEN.length);
    expect(out.map(({ meta }) => meta.of)).toEqual(TAKEN);
  });
});

test("a handler of the shell gets what its patterns take, given as text in the spawn", async () => {
  await serving(async (server) => {
    const meta = { runtime: "sh", topics: LIST.join(), start: "first" };
    for (const topic of [...OTHERS, ...TAKEN.slice(0, 1)]) await say(server, topic);
    await spawn(server, "handler", "echo", 'printf %s "$XS_TOPIC"', meta);
    for (const topic of [...OTHERS, ...TAKEN.slice(1)]) await say(server, topic);
    const out = await countOf(server, "echo.out", TAKEN.length);
    const texts = out.map(async ({ id }) => (await server.fetch(`/${id}/content`)).text());
    expect(await Promise.all(texts)).toEqual(TAKEN);
  });
});

test.each(["ts", "nu"] as const)(
  "a handler of patterns is replaced exactly, while topics appear: %s",
  async (runtime) => {
    await serving(async (server) => {
      const script = (version: number) =>
        runtime === "ts"
          ? `export default { topics: ["n.*.x", "!n.skip.x"], run: (f) => ({ out: { version: ${version} } }) }`
          : `{ topics: ["n.*.x" "!n.skip.x"], run: {|f, s| { out: { version: ${version} } } } }`;
      let count = 0;
      const versions: AnyFrame[] = [];
      for (let version = 0; version < 3; version++) {
        versions.push(await spawn(server, "handler", "echo", script(version)));
        for (let round = 0; round < 10; round++) {
          await sayMany(server, `n.t${count++}.x`, 5);
          await sayMany(server, "n.skip.x", 5);
          await sayMany(server, "n.x", 5);
        }
      }
      const out = await countOf(server, "echo.out", count * 5);
      const frames = await framesOf(server, "n.*.x,!n.skip.x");
      const wanted = frames.map(({ id }) => [id, versions.findLastIndex((each) => each.id < id)]);
      expect(out.map(({ meta }) => [meta.frame_id, meta.version])).toEqual(wanted);
    });
  },
);

test("a spawn whose topics are no patterns is invalid, with what one is", async () => {
  await serving(async (server) => {
    for (const [topics, reason] of [
      [["a*"], /a \* stands alone between dots/],
      [["!a"], /"\*,!a"/],
      ["a,,b", /empty part/],
    ] as const) {
      const frame = await ask(server, "handler", "bad", "export default { run() {} }", { topics });
      expect((await answered(server, frame, "invalid")).meta.reason).toMatch(reason);
    }
  });
});
