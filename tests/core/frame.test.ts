import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  encodeFrame,
  encodeMeta,
  idInLine,
  MAX_META,
  parseFrame,
  parseMeta,
  withTimestamp,
} from "../../src/core/frame.ts";
import { parseHash } from "../../src/core/hash.ts";
import { timestampOf } from "../../src/core/id.ts";
import { parseTtl } from "../../src/core/ttl.ts";
import { hashes, ids, metas, topics, ttls } from "../support/arbitrary.ts";

const frames = fc.record({
  topic: topics,
  id: ids,
  hash: fc.option(hashes),
  meta: metas,
  ttl: ttls,
});

describe("frames", () => {
  test("come back from their line as they were, keys in order", () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const line = encodeFrame(frame.id, { ...frame, meta: JSON.stringify(frame.meta) });
        const { id, ...fields } = parseFrame(line);
        expect(encodeFrame(id, fields)).toBe(line);
        expect(Object.keys(JSON.parse(line))).toEqual(["topic", "id", "hash", "meta", "ttl"]);
        expect(idInLine(line)).toBe(frame.id);
      }),
    );
  });

  test("get their time as a last key, with milliseconds", () => {
    const usual = frames.filter(({ id }) => timestampOf(id) < 8.64e15);
    fc.assert(
      fc.property(usual, (frame) => {
        const line = encodeFrame(frame.id, { ...frame, meta: JSON.stringify(frame.meta) });
        const timed = JSON.parse(withTimestamp(line));
        expect(Object.keys(timed).at(-1)).toBe("timestamp");
        expect(Date.parse(timed.timestamp)).toBe(timestampOf(frame.id));
      }),
    );
  });

  test.each([
    ["[]", "a frame is a JSON object"],
    ['"x"', "a frame is a JSON object"],
    ["{", "is not a frame"],
    ['{"topic":"a"}', 'needs "topic" and "id"'],
    ['{"topic":"a","id":"zz"}', "is not an id"],
    ['{"topic":"a","id":"03hadtdyn9s2dxl5soli9q9dz","x":1}', 'no key "x"'],
    ['{"topic":"a","id":"03hadtdyn9s2dxl5soli9q9dz","ttl":"soon"}', "is not one of forever"],
    ['{"topic":"a","id":"03hadtdyn9s2dxl5soli9q9dz","hash":1}', 'the "hash"'],
  ])("%s is refused", (line, why) => {
    expect(() => parseFrame(line)).toThrow(why);
  });
});

describe("meta", () => {
  test("is taken as JSON and as base64 of JSON", () => {
    fc.assert(
      fc.property(metas, (meta) => {
        const json = JSON.stringify(meta);
        expect(parseMeta(json)).toBe(JSON.stringify(JSON.parse(json)));
        // A text such as "1234" is JSON already; base64 of an object never is.
        const wrapped = JSON.stringify({ meta });
        expect(parseMeta(Buffer.from(wrapped).toString("base64"))).toBe(parseMeta(wrapped));
      }),
    );
  });

  test("that is neither, or too large, is refused", () => {
    expect(() => parseMeta("{a:1}")).toThrow("is not JSON");
    expect(() => parseMeta("")).toThrow("is not JSON");
    expect(() => parseMeta(Buffer.from([0x22, 0xff, 0x22]).toString("base64"))).toThrow("not JSON");
    expect(encodeMeta("x".repeat(MAX_META - 2))).toHaveLength(MAX_META);
    expect(() => encodeMeta("x".repeat(MAX_META - 1))).toThrow("more than");
  });
});

describe("ttl", () => {
  test("keeps its text", () => {
    fc.assert(fc.property(ttls, (ttl) => expect(parseTtl(ttl).text).toBe(ttl)));
  });

  test.each([
    "",
    "FOREVER",
    "time:",
    "time:0",
    "time:-1",
    "time:1.5",
    "time:01",
    "last:0",
    "last:x",
    "last:99999999999999999",
    "head:3",
  ])("%p is refused", (text) => {
    expect(() => parseTtl(text)).toThrow("is not one of");
  });
});

describe("hashes", () => {
  test("are taken only in their one form", () => {
    fc.assert(fc.property(hashes, (hash) => expect(parseHash(hash)).toBe(hash)));
    const hash = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    for (const bad of [hash.slice(7), hash.slice(0, -1), `${hash}=`, hash.replace("CQ=", "CR=")]) {
      expect(() => parseHash(bad)).toThrow("is not a content hash");
    }
  });
});
