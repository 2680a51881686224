// JSON that comes from outside: its numbers, its depth and its lines, at every door of the API.
import { expect, test } from "bun:test";
import { FRAMES } from "../../src/core/export-format.ts";
import { packId } from "../../src/core/id.ts";
import { makeTar } from "../support/tar.ts";
import { expectProblem, Subject } from "./with-store.ts";

/** Numbers that JavaScript would write otherwise. */
const NUMBERS = '{"id":1234567890123456789,"x":1e400,"y":[1.0,-0,{"z":-1.50E3}],"t":"1.0"}';
const ID = packId({ ts_ms: 1000, counter_hi: 1, counter_lo: 0, node: "00000001" });

const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
const frameLine = (meta: string) =>
  `{"topic":"note","id":"${ID}","hash":null,"meta":${meta},"ttl":"forever"}`;
const tarOf = (lines: string) => makeTar([{ name: FRAMES, data: lines }]);

type Send = (subject: Subject, meta: string) => Promise<Response>;

/** Every way in which meta comes as JSON text. */
const WRITES: [string, Send][] = [
  ["a header", (subject, meta) => subject.post("/note", "", { "xs-meta": meta })],
  [
    "a header in base64",
    (subject, meta) =>
      subject.post("/note", "", { "xs-meta": Buffer.from(meta).toString("base64") }),
  ],
  ["a batch", (subject, meta) => subject.post("/stream", `{"topic":"note","meta":${meta}}`)],
];
const IMPORTS: [string, Send][] = [
  ["an import of lines", (subject, meta) => subject.post("/import", frameLine(meta))],
  [
    "an import of a tar",
    async (subject, meta) => subject.post("/import", await tarOf(`${frameLine(meta)}\n`)),
  ],
];

test.each([...WRITES, ...IMPORTS])("%s keeps the numbers of its meta", async (_, send) => {
  await using subject = new Subject();
  expect((await send(subject, NUMBERS)).status).toBe(200);
  const line = await (await subject.ask("/?topic=note")).text();
  expect(line).toContain(`"meta":${NUMBERS},"ttl"`);
});

test("the chunks of an append keep the numbers of its meta", async () => {
  await using subject = new Subject();
  const meta = { "xs-meta": '{"n":1.0}' };
  await (await subject.post("/note?chunked=lines", "a\nb\n", meta)).text();
  for (const line of (await (await subject.ask("/")).text()).trim().split("\n")) {
    expect(line).toContain('"meta":{"n":1.0,"chunk":{');
  }
});

test("a watch shows a value with the numbers that were put", async () => {
  await using subject = new Subject();
  const put = { method: "PUT", headers: { "content-type": "application/json" } };
  await subject.ask("/kv/k", { ...put, body: '{ "n": 1.0 }' });
  await subject.ask("/kv/deep", { ...put, body: nested(50_000) });
  const lines = await subject.follow("/kv?prefix=&follow=true");
  expect(await lines.next()).toContain(`"value":"${nested(50_000)}"`);
  expect(await lines.next()).toContain('"value":{"n":1.0}');
  await lines.cancel();
});

test.each(WRITES)("%s takes 128 levels and refuses more", async (_, send) => {
  await using subject = new Subject();
  expect((await send(subject, nested(128))).status).toBe(200);
  for (const meta of [nested(129), nested(7000)]) {
    await expectProblem(await send(subject, meta), 400, "too_deep", "128 levels");
  }
});

test.each([100_000, 500_000])(
  "a line of %i levels is refused at once, in a batch",
  async (levels) => {
    await using subject = new Subject();
    await expectProblem(
      await subject.post("/stream", `{"topic":"note","meta":${nested(levels)}}`),
      400,
      "too_deep",
      "line 1: ",
    );
    const open = `{"topic":"note","meta":${"[".repeat(levels)}`;
    await expectProblem(await subject.post("/stream", open), 400, "too_deep");
  },
);

test.each(IMPORTS)("%s takes meta as deep as its size allows", async (_, send) => {
  await using subject = new Subject();
  const deep = ` {"n" : 1.0, "deep": ${nested(32_000)}} `;
  expect((await send(subject, deep)).status).toBe(200);
  const line = frameLine(`{"n":1.0,"deep":${nested(32_000)}}`);
  expect(await (await subject.ask("/")).text()).toBe(`${line}\n`);
  const response = await send(subject, nested(200_000));
  const { status, detail } = (await response.json()) as { status: number; detail: string };
  expect(status).toBe(400);
  expect(detail).toContain("line 1");
});

test("a line that is wrong is named by its number", async () => {
  await using subject = new Subject();
  const good = '{"topic":"note"}';
  const bad = Buffer.from([0x22, 0xff, 0x22]);
  const body = (...lines: (string | Buffer)[]) =>
    Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from("\n")]));
  const problem = (bytes: Buffer, path = "/stream") =>
    subject.post(path, new Uint8Array(bytes)).then((response) => response.json());
  expect(await problem(body(bad))).toMatchObject({ detail: expect.stringMatching(/^line 1: /) });
  expect(await problem(body(good, "", bad))).toMatchObject({
    detail: expect.stringMatching(/^line 3: .*UTF-8/),
  });
  expect(await problem(body(good, `"${"x".repeat(2 ** 20)}"`))).toMatchObject({
    detail: expect.stringMatching(/^line 2: .*longer than/),
  });
  expect(await problem(body(frameLine("1"), bad), "/import")).toMatchObject({
    detail: expect.stringMatching(/^line 2: /),
  });
  const tar = await tarOf(body(frameLine("1"), bad).toString("latin1"));
  expect(await (await subject.post("/import", tar)).json()).toMatchObject({ code: "bad_tar" });
  expect(await subject.ids()).toEqual([]);
});

test("half a surrogate pair in a text of a batch is refused by its line, as UTF-8 has none", async () => {
  await using subject = new Subject();
  const whole = '{"topic":"note","content":"\\ud83d\\ude00"}';
  await expectProblem(
    await subject.post("/stream", `${whole}\n{"topic":"note","content":"x\\ud800y"}\n`),
    400,
    "bad_frame",
    /^line 2: "content" holds half a surrogate pair.*nothing was appended/,
  );
  expect(await subject.frames()).toEqual([]);
  const frame = JSON.parse(await (await subject.post("/stream", whole)).text()) as { id: string };
  expect(await (await subject.ask(`/${frame.id}/content`)).text()).toBe("\u{1f600}");
  // JSON has a way to write it, so meta keeps it.
  const meta = await subject.post("/note", "", { "xs-meta": '{"a":"\\ud800"}' });
  expect(await meta.text()).toContain('{"a":"\\ud800"}');
});
