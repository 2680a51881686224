import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { countOf, serving, spawn, WITH_NU } from "../support/processors.ts";
import { parseLines, startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

const SAID = "first\nsecond €";
const BYTES = new Uint8Array([0xff, 0]);

/** Two notes, one of text and one of bytes. */
async function write(home: Home): Promise<string[]> {
  const ids: string[] = [];
  for (const stdin of [SAID, BYTES]) {
    const line = await home.ok(["append", home.store, "note", "--ttl", "last:9"], { stdin });
    ids.push(JSON.parse(line).id);
  }
  return ids;
}

test.each([
  ["with a server", true],
  ["without a server", false],
])("every command that reads prints the content with --content: %s", async (_, served) => {
  using home = new Home();
  if (!served) await home.makeStore();
  await using _server = served ? await startServer(home.store) : undefined;
  const [one = "", two = ""] = await write(home);
  const read = async (verb: string, ...args: string[]) =>
    parseLines(await home.ok([verb, home.store, ...args, "--content"]));
  const first = expect.objectContaining({ id: one, content: SAID });
  const second = expect.objectContaining({ id: two, content_base64: "/wA=" });
  expect(await read("cat", "--topic", "note")).toEqual([first, second]);
  expect(await read("tac", "--topic", "note")).toEqual([second, first]);
  expect(await read("first", "note")).toEqual([first]);
  expect(await read("first", "note", "2")).toEqual([first, second]);
  expect(await read("last", "note")).toEqual([second]);
  expect(await read("last", "note", "2")).toEqual([first, second]);
  expect(await read("get", one)).toEqual([first]);
  expect(await read("next", one)).toEqual([second]);
  expect(await read("previous", two)).toEqual([first]);
  const [stamped = {}] = await read("get", one, "--with-timestamp");
  expect(Object.keys(stamped).slice(-2)).toEqual(["timestamp", "content"]);
  const plain = parseLines(await home.ok(["get", home.store, one]))[0] ?? {};
  expect(Object.keys(plain)).toEqual(["topic", "id", "hash", "meta", "ttl"]);
  const events = await home.ok(["cat", home.store, "--sse", "--content", "--topic", "note"]);
  expect(events.split("\n")[1]).toEndWith(`,"content":${JSON.stringify(SAID)}}`);
  if (!served) return;
  const limit = ["--follow", "--last", "1", "--limit", "1"];
  expect(await read("cat", "--topic", "note", ...limit)).toEqual([second]);
});

test("xs cat into xs append --batch copies all but the frames of the runtime, and says how", async () => {
  using home = new Home();
  {
    await using _server = await startServer(home.store);
    await write(home);
  }
  const copy = join(home.path, "copy");
  const all = await home.shell(`xs cat ${home.store} --content | xs append ${copy} --batch`);
  expect([all.code, all.stdout]).toEqual([1, ""]);
  expect(all.stderr).toContain('line 1: topic "stream.cross.start" belongs to the runtime');
  const [, options = ""] =
    /leaves its frames out, as {2}xs cat (.*) {2}does/.exec(all.stderr) ?? [];
  expect(all.stderr).toContain("(nothing was appended)");
  await home.ok(["append", copy, "other"]);
  const { code, stdout } = await home.shell(
    `xs cat ${home.store} ${options} | xs append ${copy} --batch`,
  );
  expect([code, parseLines(stdout).map(({ topic }) => topic)]).toEqual([0, ["note", "note"]]);
  const own = await home.shell(`echo '{"topic":"stream.cross.start"}' | xs append ${copy} --batch`);
  expect(own.stderr).not.toContain("a copy leaves");
});

test("xs cat --content into xs import copies a log with its content", async () => {
  using home = new Home();
  await home.makeStore();
  await write(home);
  const copy = join(home.path, "copy");
  const { stderr } = await home.shell(`xs cat ${home.store} --content | xs import ${copy}`);
  expect(stderr).not.toContain("not here");
  const read = (store: string) => home.ok(["cat", store, "--content"]);
  expect(await read(copy)).toBe(await read(home.store));
  await home.ok(["verify", copy]);
});

test("xs eval reads content in TypeScript and in nushell", async () => {
  using home = new Home();
  await home.makeStore();
  await write(home);
  const evaluate = (script: string) =>
    home.ok(["eval", home.store, "-c", script], { env: WITH_NU });
  const ts = await evaluate(
    `export default async function* (xs) {
       for await (const { content, content_base64 } of xs.cat({ content: true, topic: "note" })) yield [content, content_base64];
       for await (const frame of xs.cat({ content: false, topic: "note" })) yield "content" in frame;
     }`,
  );
  expect(ts).toBe(`[${JSON.stringify(SAID)},null]\n[null,"/wA="]\nfalse\nfalse\n`);
  const one = await evaluate(
    `export default async function* (xs) {
       const { id } = await xs.first("note");
       for (const frame of [
         await xs.get(id, { content: true }),
         await xs.first("note", { content: true }),
         await xs.last("note", { content: true }),
         await xs.last(undefined, { content: true }),
       ]) yield [frame.content, frame.content_base64];
       yield "content" in (await xs.first("note", { content: false }));
       for (const options of [{ content: "inline" }, { contents: true }])
         for (const name of ["get", "first", "last"])
           yield await xs[name](name === "get" ? id : "note", options).catch(({ code }) => code);
     }`,
  );
  const text = `[${JSON.stringify(SAID)},null]\n`;
  const bytes = '[null,"/wA="]\n';
  expect(one).toBe(`${text}${text}${bytes}${bytes}false\n${"bad_option\n".repeat(6)}`);
  const wrong = "export default (xs) => Array.fromAsync(xs.cat({ content: 'inline' }))";
  const { code, stderr } = await home.xs(["eval", home.store, "-c", wrong]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("content of cat is true or false")]);
  const json = `${JSON.stringify(SAID)}`;
  expect(await evaluate(".cat --content --topic note | get 0.content | to json")).toBe(`${json}\n`);
  expect(await evaluate(".first note --content | get content | to json")).toBe(`${json}\n`);
  expect(await evaluate(".last note --content | get content_base64")).toBe("/wA=\n");
  expect(await evaluate(".get (.first note | get id) --content | get content | to json")).toBe(
    `${json}\n`,
  );
  expect(await evaluate(".cat --topic note | get 0 | columns | length")).toBe("5\n");
});

test.each([
  [
    "TypeScript",
    `export default { topics: ["go"], async run(frame, state, xs) {
       const texts = [];
       for await (const { content } of xs.cat({ content: true, topic: "note" })) texts.push(content);
       return { out: { texts } };
     } }`,
  ],
  [
    "nushell",
    `{ topics: ["go"], run: {|frame| { out: { texts: (.cat --content --topic note | get content) } } } }`,
  ],
])("a handler in %s reads content with the frames", async (_, script) => {
  await serving(async (server) => {
    for (const text of ["one", "two"]) {
      await (await server.fetch("/stream/note", { method: "POST", body: text })).text();
    }
    await spawn(server, "handler", "reader", script);
    await (await server.fetch("/stream/go", { method: "POST" })).text();
    const [out] = await countOf(server, "reader.out", 1);
    expect(out?.meta.texts).toEqual(["one", "two"]);
  });
});
