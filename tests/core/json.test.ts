import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  compactJson,
  isDeeperThan,
  isRawNumber,
  MAX_DEPTH,
  memberText,
  parseJson,
} from "../../src/core/json.ts";

const rewritten = (text: string) => JSON.stringify(parseJson(text)?.json);
const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;

describe("JSON from outside", () => {
  test.each([
    "1234567890123456789",
    "-1234567890123456789",
    "1e400",
    "1.0",
    "-0",
    "1E2",
    "0.10",
    "1e-7",
    "123456789012345678901234567890.5",
    '{"id":1234567890123456789,"x":1e400,"y":[1.0,"1.0",-0]}',
    `{"a":"\\"1.0","b":1.50}`,
  ])("keeps the numbers of %s", (text) => {
    expect(rewritten(text)).toBe(text);
  });

  test("is otherwise written as JSON.stringify does it", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(rewritten(text)).toBe(JSON.stringify(JSON.parse(text)).replaceAll(/^-?0$/g, text));
      }),
    );
    expect(rewritten('{"b":1.0, "a" : "\\u0041\\/", "b":2}')).toBe('{"b":2,"a":"A/"}');
  });

  test.each(["", "{", "[1.0", "01.0", "1.", "-", "1e", "[1.0,]", "nul", "1.0 2", "NaN", "+1.0"])(
    "%p is none",
    (text) => {
      expect(parseJson(text)).toBeUndefined();
    },
  );

  test("a raw number is told from an object", () => {
    expect(isRawNumber(parseJson("1.0")?.json)).toBe(true);
    for (const text of ["1", "{}", "null", '{"rawJSON":"1.0"}']) {
      expect(isRawNumber(parseJson(text)?.json)).toBe(false);
    }
  });

  test("may be nested 128 levels deep, and is refused beyond that before it is parsed", () => {
    expect(parseJson(nested(MAX_DEPTH))).toBeDefined();
    for (const text of [
      nested(MAX_DEPTH + 1),
      "[".repeat(10_000_000),
      '{"a":'.repeat(200_000),
      `[1.0,${nested(MAX_DEPTH)}]`,
    ]) {
      expect(() => parseJson(text)).toThrow("deeper than 128 levels");
    }
    expect(parseJson(JSON.stringify("[".repeat(1000)))).toBeDefined();
    expect(parseJson(JSON.stringify(`\\"${"[".repeat(1000)}`))).toBeDefined();
    expect(parseJson(`[${Array(1000).fill("[]")}]`)).toBeDefined();
  });

  test("is compact and nested as before, whatever its depth", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(3), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(compactJson(text)).toBe(JSON.stringify(value));
      }),
    );
    const deep = nested(30_000);
    expect(compactJson(deep.replaceAll("[", " [\n"))).toBe(deep);
    expect(isDeeperThan(30_000, deep)).toBe(false);
    expect(isDeeperThan(29_999, deep)).toBe(true);
  });

  test("gives the text of a member as it stands there", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(3), (object, indent) => {
        const text = JSON.stringify(object, null, indent);
        for (const [key, value] of Object.entries(object)) {
          expect(compactJson(memberText(text, key) ?? "")).toBe(JSON.stringify(value));
        }
        if (!Object.hasOwn(object, "nobody")) expect(memberText(text, "nobody")).toBeUndefined();
      }),
    );
    expect(memberText('{"meta":1,"x":{"meta":2},"meta":[1.0]}', "meta")).toBe("[1.0]");
  });
});
