// Who writes a script sees places in it, never in the program that runs it.
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** Files of the program, and its source, as they are in the binary. */
const OWN = /bunfs|~BUN|chunk-|function |=>.*=>.*=>/;

/** Faults that come to light in our code, each with what is said of it. */
const FAULTS: Record<string, [line: string, said: string]> = {
  "a topic that is none": ["await xs.append('9bad')", 'topic "9bad" may hold only'],
  "an id that is none": ["await xs.get('nonsense')", '"nonsense" is not an id'],
  "a value that is no JSON": ["await xs.kv.put('k', 10n)", "cannot be written as JSON"],
  "options that are none": ["for await (const _ of xs.cat(null));", "lastId"],
  "a key that is none": ["await xs.kv.get('')", "key"],
  "a hash that is none": ["await xs.text('x')", "x"],
  "its own error": ["null.mine", "null.mine"],
};

test("what xs eval prints of a failure has no place in xs, whoever prints it", async () => {
  using home = new Home();
  for (const [fault, [line, said]] of Object.entries(FAULTS)) {
    for (const [who, script] of Object.entries({
      xs: `export default async (xs) => {\n ${line}\n}`,
      console: `export default async (xs) => { try {\n ${line}\n} catch (e) { console.error(e) } }`,
      nested: `export default async (xs) => { try {\n ${line}\n} catch (e) { console.error({ e }) } }`,
      stack: `export default async (xs) => { try {\n ${line}\n} catch (e) { console.log(e.stack) } }`,
      nobody: `export default async (xs) => { void (async () => {\n ${line}\n})(); await new Promise(() => setInterval(() => {}, 1000)) }`,
    })) {
      const { code, stdout, stderr } = await home.xs(["eval", home.store, "-c", script]);
      const at = [fault, who];
      expect([...at, code]).toEqual([...at, who === "xs" || who === "nobody" ? 1 : 0]);
      expect([...at, stdout + stderr]).toEqual([...at, expect.stringContaining(said)]);
      expect([...at, (stdout + stderr).replaceAll(script, "")]).not.toEqual([
        ...at,
        expect.stringMatching(/bunfs|~BUN|chunk-|this should not have happened/),
      ]);
    }
  }
  for (const [thrown, said] of [
    ["null", "null"],
    ["undefined", "undefined"],
    ["'why'", "why"],
  ] as const) {
    const script = `export default () => { throw ${thrown} }`;
    const { code, stderr } = await home.xs(["eval", home.store, "-c", script]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(said)]);
    expect(stderr).not.toContain("should not have happened");
  }
  const script = "export default () => 10n";
  const { code, stderr } = await home.xs(["eval", home.store, "-c", script]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("what it gives is a BigInt")]);
});

test("neither the reason of a handler nor its standard error has a place in xs", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const faults = Object.entries(FAULTS);
  for (const [at, [, [line]]] of faults.entries()) {
    const run = `async (frame, state, xs) => {
      console.error(new Error("before"));
      try { await xs.append("9bad") } catch (e) { console.error({ e }) }
      ${line}
    }`;
    const script = `export default { topics: ["ping"], run: ${run} }`;
    const meta = JSON.stringify({ topic: `h${at}` });
    await server.append("stream.cross.handler.spawn", script, { "xs-meta": meta });
  }
  await until("they are active", async () => {
    const active = await server.frames("/stream/stream.cross.handler.active");
    return active.length === faults.length;
  });
  await server.append("ping");
  const failed = await until("they have failed", async () => {
    const frames = await server.frames("/stream/stream.cross.handler.failed");
    return frames.length === faults.length && frames;
  });
  for (const { meta } of failed) {
    const { topic, reason } = meta as { topic: string; reason: string };
    const [fault, [, said]] = faults[Number(topic.slice(1))] ?? ["", ["", ""]];
    expect([fault, reason]).toEqual([fault, expect.stringContaining(said)]);
    expect(reason).not.toMatch(OWN);
    const lines = await server.frames(`/stream/${topic}.stderr`);
    const texts = await Promise.all(
      lines.map(async ({ id, hash }) =>
        hash === null ? "" : await (await server.fetch(`/${id}/content`)).text(),
      ),
    );
    const printed = texts.join("\n");
    expect(printed).toContain(`${topic}.ts:2:`);
    expect(printed).toContain("XsError: topic");
    expect(printed).not.toMatch(OWN);
  }
});

test("a script whose import is missing names its own files alone", async () => {
  using home = new Home();
  const file = join(home.path, "script.ts");
  await Bun.write(file, 'import { x } from "./nothere.ts";\nexport default () => x;\n');
  const { code, stderr } = await home.xs(["eval", home.store, file]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("nothere.ts")]);
  expect(stderr).not.toMatch(OWN);
  const gone = `export default async () => (await import(${JSON.stringify(join(home.path, "gone.ts"))})).x`;
  const dynamic = await home.xs(["eval", home.store, "-c", gone]);
  expect([dynamic.code, dynamic.stderr]).toEqual([1, expect.stringContaining("gone.ts")]);
  expect(dynamic.stderr).not.toMatch(OWN);
});
