// biome-ignore-all lint/suspicious/noControlCharactersInRegex: a terminal obeys these characters.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { styleFor } from "../../src/cli/kit/colours.ts";
import { Clock, fullTime, untilTime } from "../../src/cli/terminal/clock.ts";
import { EventLines } from "../../src/cli/terminal/event-lines.ts";
import { fit } from "../../src/cli/terminal/fit.ts";
import { sizeText } from "../../src/cli/terminal/size.ts";
import { IdSequence } from "../../src/core/id.ts";
import { visible, visibleJson } from "../../src/core/visible.ts";

const PLAIN = styleFor(false);
const ID = new IdSequence().next();

/** The line of a frame, without its time. */
async function lineOf(frame: object, columns: number): Promise<string> {
  const whole = { topic: "note", id: ID, hash: null, meta: null, ttl: "forever", ...frame };
  const lines = new EventLines(PLAIN, async () => new Response("x"));
  let text = "";
  for await (const part of lines.show([JSON.stringify(whole)], columns)) text += part;
  expect(text.slice(0, -1)).not.toContain("\n");
  expect(Bun.stringWidth(text)).toBeLessThanOrEqual(columns);
  return text.replace(/^.*\d\d:\d\d:\d\d {2}/, "").trimEnd();
}

const FRAMES: readonly (readonly [frame: object, line: string])[] = [
  [{}, "note"],
  [{ content: "hello" }, "note          hello"],
  [{ content: "hello\n" }, "note          hello"],
  [{ content: "hello\r\n" }, "note          hello"],
  [{ content: "\n\n  first\nsecond\n" }, "note          first …"],
  [{ content: "hello", meta: { n: 1 } }, "note          hello"],
  [{ meta: { n: 1 } }, 'note          {"n":1}'],
  [{ content: "" }, "note          (empty)"],
  [{ content: " \n\n" }, "note          (blank)"],
  [{ content: "a\0b" }, "note          (binary, 3 B)"],
  [{ content_base64: "/w==" }, "note          (binary, 1 B)"],
  [{ content_error: "content_damaged" }, "note          content damaged"],
  [{ content: "a\tb" }, "note          a  b"],
  [{ content: "safe\rEVIL" }, "note          safe\\u{d}EVIL"],
  [{ content: "\x1b]0;title\x07\x1b[2J" }, "note          \\u{1b}]0;title\\u{7}\\u{1b}[2J"],
  [{ content: "\x9b31m\x7f" }, "note          \\u{9b}31m\\u{7f}"],
  [{ content: "a\u202eb\u2066" }, "note          a\\u{202e}b\\u{2066}"],
  [{ content: "a\u200bb\u200dc\ufeff" }, "note          a\\u{200b}b\\u{200d}c"],
  [{ content: "👨‍👩‍👧 ❤️ 日本" }, "note          👨‍👩‍👧 ❤️ 日本"],
  [{ meta: { a: "\x9b\u202e" } }, 'note          {"a":"\\u{9b}\\u{202e}"}'],
  [
    { topic: "stream.cross.handler.spawn", meta: { topic: "ts" }, content: "export default {" },
    'stream.cross.handler.spawn  {"topic":"ts"}',
  ],
  [{ topic: "stream.cross.threshold", ttl: "ephemeral" }, `── live ${"─".repeat(72)}`],
  [{ topic: "stream.cross.pulse", ttl: "ephemeral" }, ""],
];

test("a frame is one line of time, topic, and the first line of its content or else its meta", async () => {
  for (const [frame, line] of FRAMES) expect(await lineOf(frame, 80)).toBe(line);
});

test("numbers in meta are shown as they were sent", async () => {
  const lines = new EventLines(PLAIN, async () => new Response(""));
  const json = `{"topic":"n","id":"${ID}","hash":null,"meta":{"n":1e400,"m":1.0},"ttl":"forever"}`;
  for await (const text of lines.show([json], 80)) expect(text).toContain('{"n":1e400,"m":1.0}');
});

test("a line fits into any width, whatever is in it", async () => {
  const texts = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.string({ unit: "grapheme", maxLength: 300 }),
    fc.string({ unit: fc.constantFrom("日", "👩‍🚀", "\u0301", "\x1b", "a"), maxLength: 300 }),
  );
  const frames = fc.record({ topic: fc.stringMatching(/^[a-z.]{1,255}$/), content: texts });
  await fc.assert(
    fc.asyncProperty(frames, fc.integer({ min: 1, max: 220 }), async (frame, columns) => {
      const line = await lineOf(frame, columns);
      expect(line).not.toMatch(/[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
    }),
  );
});

test("text is cut between whole characters, and … stands for what is missing", () => {
  const cases: readonly (readonly [text: string, columns: number, fitted: string])[] = [
    ["hello", 5, "hello"],
    ["hello", 4, "hel…"],
    ["hello", 1, "…"],
    ["hello", 0, ""],
    ["日本語", 6, "日本語"],
    ["日本語", 5, "日本…"],
    ["日本語", 4, "日…"],
    ["👨‍👩‍👧👨‍👩‍👧", 3, "👨‍👩‍👧…"],
    ["e\u0301e\u0301e\u0301", 2, "e\u0301…"],
    ["a\x1bb", 4, "a…"],
    ["a\x1bb", 8, "a\\u{1b}b"],
    ["x".repeat(300_000), 10, "xxxxxxxxx…"],
    ["é".repeat(300_000), 10, "ééééééééé…"],
  ];
  for (const [text, columns, fitted] of cases) {
    expect([text.slice(0, 20), columns, fit(text, columns, PLAIN).text]).toEqual([
      text.slice(0, 20),
      columns,
      fitted,
    ]);
  }
});

describe("what a terminal would obey is shown", () => {
  test("as the code of its character, and joined emoji stay", () => {
    const kept = [
      "plain",
      "zażółć",
      "می‌خواهم",
      "👩‍🚀👍🏽🇩🇪1️⃣",
      "🏴\u{e0067}\u{e0062}\u{e007f}",
      "क्‍ष",
    ];
    for (const text of kept) expect(visible(text)).toBe(text);
    expect(visible("a\u200db")).toBe("a\\u{200d}b");
    expect(visible("\ud800")).toBe("\\u{d800}");
    expect(visible("\u2028\u00ad\u3164\u{e0041}")).toBe("\\u{2028}\\u{ad}\\u{3164}\\u{e0041}");
    expect(visible(`x${"\u0300".repeat(9)}`)).toBe(`x${"\u0300".repeat(8)}\\u{300}`);
    expect(visible("a\tb\nc", "\n\t")).toBe("a\tb\nc");
  });

  test("in JSON as JSON escapes it: the value is the same", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const shown = visibleJson(JSON.stringify(text));
        expect(JSON.parse(shown)).toBe(text);
        expect(shown).not.toMatch(/[\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
      }),
    );
  });
});

test("a time has its date where that is not today, or another than before", () => {
  const at = (text: string) => new Date(text).getTime();
  const clock = new Clock();
  const now = at("2026-03-02T00:10:00");
  expect(clock.stamp(at("2026-03-01T23:59:58"), now)).toBe("2026-03-01 23:59:58");
  expect(clock.stamp(at("2026-03-01T23:59:59"), now)).toBe("2026-03-01 23:59:59");
  expect(clock.stamp(at("2026-03-02T00:00:01"), now)).toBe("2026-03-02 00:00:01");
  expect(clock.stamp(at("2026-03-02T00:00:02"), now)).toBe("00:00:02");
  expect(fullTime(at("2026-03-02T00:00:02.030"))).toMatch(
    /^2026-03-02 00:00:02\.030 [+-]\d\d:\d\d$/,
  );
});

test("sizes are short", () => {
  const sizes = [0, 3, 999, 1000, 1234, 9949, 9951, 99_999, 999_499, 999_999, 10e9, 5e15];
  expect(sizes.map(sizeText)).toEqual([
    "0 B",
    "3 B",
    "999 B",
    "1.0 kB",
    "1.2 kB",
    "9.9 kB",
    "10 kB",
    "100 kB",
    "999 kB",
    "1.0 MB",
    "10 GB",
    "5000 TB",
  ]);
});

test("wide lines have the id", async () => {
  expect(await lineOf({ content: "hello" }, 119)).not.toContain(ID);
  expect(await lineOf({ content: "hello" }, 120)).toBe(`${ID}  note          hello`);
});

test("a time to come is near, of today, or has its date", () => {
  const now = new Date(2026, 10, 26, 12, 0, 0).getTime();
  const at = (...time: [number, number, number, number]) =>
    untilTime(new Date(2026, 10, ...time).getTime(), now);
  expect(at(26, 11, 0, 0)).toBe("now");
  expect(at(26, 12, 0, 0)).toBe("now");
  expect(at(26, 12, 0, 42)).toBe("in 42 s");
  expect(at(26, 12, 59, 59)).toBe("in 59 min");
  expect(at(26, 13, 0, 0)).toBe("13:00");
  expect(at(27, 2, 30, 0)).toBe("2026-11-27 02:30");
});
