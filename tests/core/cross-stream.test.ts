import { describe, expect, test } from "bun:test";
import { hashOfEntry } from "../../src/core/export-format.ts";
import { parseFrame } from "../../src/core/frame.ts";
import { hashOf } from "../../src/core/hash.ts";

const ID = "03hadtdyn9s2dxl5soli9q9dz";
const HASH = hashOf(Buffer.from("hi"));
const SHA512 = `sha512-${Buffer.alloc(64, 7).toString("base64")}`;

function parse(more: object) {
  return parseFrame(JSON.stringify({ topic: "a", id: ID, ...more }));
}

describe("frames of cross.stream", () => {
  test.each([
    ["forever", null],
    ["forever", undefined],
    ["last:5", "head:5"],
    ["last:5", "last:5"],
    ["time:86400000", "time:86400000"],
    // What is over at once, and what is kept longer than numbers go here.
    ["time:1", "time:0"],
    ["time:4503599627370496", "time:18446744073709551615"],
    ["time:1500", { time: { secs: 1, nanos: 500_000_000 } }],
    ["time:1", { time: { secs: 0, nanos: 0 } }],
    ["last:3", { head: 3 }],
  ])("have the ttl %s, written as %j", (ttl, written) => {
    expect(parse({ ttl: written }).ttl).toBe(ttl);
  });

  test.each([
    7,
    true,
    [[]],
    {},
    { head: 0 },
    { head: 1.5 },
    { head: 1, time: { secs: 1, nanos: 0 } },
    { time: 5 },
    "head:0",
    "head:",
    "time:x",
  ])("do not have the ttl %j", (ttl) => {
    expect(() => parse({ ttl })).toThrow(/ttl/);
  });

  test("are of no context, or of one that is refused by name", () => {
    for (const context_id of [null, "0".repeat(25)]) {
      expect(parse({ context_id })).toEqual(parse({}));
    }
    for (const context_id of [ID, "x", 7]) {
      expect(() => parse({ context_id })).toThrow(`the context "${context_id}"`);
    }
  });

  test("name content by sha256, be it among others", () => {
    expect(parse({ hash: HASH }).hash).toBe(HASH);
    expect(parse({ hash: `${SHA512} ${HASH}` }).hash).toBe(HASH);
    expect(parse({ hash: `${HASH} ${SHA512}` }).hash).toBe(HASH);
    expect(() => parse({ hash: SHA512 })).toThrow(/sha512.*sha256 alone/);
    expect(() => parse({ hash: `${SHA512} ${SHA512}` })).toThrow(/sha512/);
    expect(() => parse({ hash: "" })).toThrow(/not a content hash/);
  });

  test("have content in files with the base64 of its hash", () => {
    const entry = (text: string) => `cas/${Buffer.from(text).toString("base64")}`;
    expect(hashOfEntry(entry(HASH))).toBe(HASH);
    expect(hashOfEntry(entry(`${SHA512} ${HASH}`))).toBe(HASH);
    expect(() => hashOfEntry(entry(SHA512))).toThrow(/sha512/);
    for (const name of ["cas/", "cas/x", "cas/README", "cas/a/b", entry("hi"), "cas/../x"]) {
      expect(hashOfEntry(name)).toBeUndefined();
    }
  });
});
