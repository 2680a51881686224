import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { changeLine } from "../../src/core/entry.ts";
import { sniffedType, textOf } from "../../src/lib/text.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const TEXT = "text/plain; charset=utf-8";
const BYTES = "application/octet-stream";

/** What is UTF-8, what is not, and what could still become it. */
const TEXTS: Record<string, Uint8Array> = {
  nothing: bytes(),
  ascii: Buffer.from("hello\n"),
  "two to four bytes a character": Buffer.from("é€🙂"),
  "a byte order mark": bytes(0xef, 0xbb, 0xbf, 0x61),
  "a terminal's colours": Buffer.from("\x1b[31mred\x1b[0m"),
  "the last character there is": bytes(0xf4, 0x8f, 0xbf, 0xbf),
};
const NOT: Record<string, Uint8Array> = {
  "a byte that no character has": bytes(0x61, 0xff),
  "a continuation at the start": bytes(0x80, 0x61),
  "an overlong slash": bytes(0xc0, 0xaf),
  "an overlong NUL": bytes(0xc0, 0x80),
  "an overlong form of three bytes": bytes(0xe0, 0x80, 0xaf),
  "half of a surrogate pair": bytes(0xed, 0xa0, 0x80),
  "beyond the last character": bytes(0xf4, 0x90, 0x80, 0x80),
  "five bytes": bytes(0xf8, 0x88, 0x80, 0x80, 0x80),
  "UTF-16 with its mark": bytes(0xff, 0xfe, 0x61, 0x00),
  "Latin-1": Buffer.from("café au lait", "latin1"),
  "an image": bytes(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
};
const CUT = ["é", "€", "🙂"].flatMap((character) => {
  const whole = Buffer.from(`ab${character}`);
  return Array.from({ length: whole.length - 3 }, (_, at) => whole.subarray(0, 3 + at));
});

describe("text and other bytes", () => {
  test.each(Object.entries(TEXTS))("%s is text", (_, text) => {
    expect(sniffedType(text)).toBe(TEXT);
    expect(sniffedType(text, true)).toBe(TEXT);
    expect(Buffer.from(textOf(text) ?? "?")).toEqual(Buffer.from(text));
  });

  test.each(Object.entries(NOT))("%s is not", (_, other) => {
    expect(sniffedType(other)).toBe(BYTES);
    expect(sniffedType(other, true)).toBe(BYTES);
    expect(textOf(other)).toBeUndefined();
  });

  test("a character may be cut where more follows, and only there", () => {
    expect(CUT.length).toBe(6);
    for (const cut of CUT) {
      expect([sniffedType(cut, true), sniffedType(cut)]).toEqual([TEXT, BYTES]);
      expect(textOf(cut)).toBeUndefined();
    }
  });

  test("what holds a NUL is no text to look at, but JSON can carry it", () => {
    for (const value of ["\0", "a\0b", "h\0i\0"]) {
      expect(sniffedType(Buffer.from(value))).toBe(BYTES);
      expect(textOf(Buffer.from(value))).toBe(value);
    }
  });

  test("a text stands for exactly its bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), (any) => {
        const text = textOf(any);
        if (text !== undefined) expect(Buffer.from(text)).toEqual(Buffer.from(any));
      }),
    );
  });
});

test("a watched value keeps its byte order mark, and is base64 where it is no UTF-8", () => {
  const line = (value: Uint8Array) =>
    JSON.parse(changeLine({ key: "k", rev: "r", type: "text/plain", writer: null, value }));
  expect(line(bytes(0xef, 0xbb, 0xbf, 0x61))).toMatchObject({ value: "\ufeffa" });
  expect(line(bytes(0x61, 0xe2, 0x82))).toMatchObject({ base64: "YeKC" });
});
