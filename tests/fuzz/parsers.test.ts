// Every parser, with anything that a client may send: it gives a value, which it takes again as it
// is, or a refusal with a code of ours.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { MAX_PIECE, Splitter } from "../../src/api/chunk-splitter.ts";
import { parseEntryLine } from "../../src/api/import-lines.ts";
import { parseAddress } from "../../src/client/address.ts";
import { XsError } from "../../src/core/error.ts";
import { encodeFrame, idInLine, MAX_META, parseFrame, parseMeta } from "../../src/core/frame.ts";
import { parseHash } from "../../src/core/hash.ts";
import { packId, parseId, unpackId } from "../../src/core/id.ts";
import { keysOf, topicInLine } from "../../src/core/index-keys.ts";
import { MAX_VALUE, parseKey } from "../../src/core/key.ts";
import { parseTopicFilter } from "../../src/core/pattern.ts";
import { formatReadOptions, parseReadOptions } from "../../src/core/read-options.ts";
import { parseClientTopic, parseTopic } from "../../src/core/topic.ts";
import { parseTtl } from "../../src/core/ttl.ts";
import { hashes, ids, metas, topics, ttls } from "../support/arbitrary.ts";
import { report } from "../support/random.ts";
import { TEST_MS } from "../support/wait.ts";
import { around, CASES, cases, SEED } from "./cases.ts";

setDefaultTimeout(TEST_MS * Math.ceil(CASES / 5000));
report(`XS_FUZZ_CASES=${CASES} XS_FUZZ_SEED=${SEED}`, []);

/** What it gives; undefined where it refuses. */
function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof XsError)) throw error;
    expect(error.code).not.toBe("internal");
    expect(error.message.length).toBeLessThan(1000);
    return undefined;
  }
}

/** A parser whose values are texts that it takes again. */
function expectStable(valid: fc.Arbitrary<string>, parse: (text: string) => string): void {
  let taken = 0;
  let refused = 0;
  fc.assert(
    fc.property(around(valid), (text) => {
      const value = attempt(() => parse(text));
      if (value === undefined) refused++;
      else taken++;
      if (value !== undefined) expect(parse(value)).toBe(value);
    }),
    cases(SHARE),
  );
  // Else this would tell nothing.
  expect(Math.min(taken, refused)).toBeGreaterThan(0);
}

/** Of each parser here; the requests of the other file get the rest. */
const SHARE = 0.06;

const frames = fc
  .record({ topic: topics, id: ids, hash: fc.option(hashes), meta: metas, ttl: ttls })
  .map((frame) => JSON.stringify(frame));
const keys = fc.constantFrom("a", "views/count", "a.b", "é", "a b", "%2f");
const types = fc.constantFrom("a/b", "text/plain; charset=utf-8", "", "a\nb", "a".repeat(300));
const values = fc.oneof(
  { weight: 40, arbitrary: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("base64")) },
  { weight: 4, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.constant("AAAA".repeat(MAX_VALUE / 3 + 1)) },
);
const written = { key: keys, rev: fc.constant("03hadtdyn9s2dxl5soli9q9dz") };
const writers = fc.constantFrom("view", "a.b", "", "a b", null, 7);
const pairs = fc
  .oneof(
    fc.record({ ...written, type: types, value: values }),
    fc.record({ ...written, type: types, value: values, by: writers }),
    fc.record({ ...written, deleted: fc.constantFrom(true, false, null) }),
    fc.record({ ...written, deleted: fc.constant(true), by: writers }),
    fc.record({ ...written, deleted: fc.constant(true), value: values }),
  )
  .map((pair) => JSON.stringify(pair));

describe("any input for a parser:", () => {
  test("topic", () => {
    expectStable(topics, parseTopic);
    const reserved = fc.constantFrom("stream.cross.a.spawn", "stream.cross.start", "stream.cross");
    expectStable(fc.oneof(topics, reserved), parseClientTopic);
  });
  test("topic filter", () =>
    expectStable(
      fc
        .tuple(fc.array(topics, { minLength: 1, maxLength: 4 }), fc.constantFrom(0, 0, 0, 2000))
        .map(([list, more]) => [...list, ...Array(more).keys()].join(",a")),
      (text) => parseTopicFilter(text)?.join(",") ?? "*",
    ));
  test("id", () => {
    expectStable(ids, parseId);
    expectStable(ids, (text) => packId(unpackId(text)));
  });
  test("ttl", () => expectStable(ttls, (text) => parseTtl(text).text));
  test("hash", () => expectStable(hashes, parseHash));
  test("key", () => expectStable(keys, parseKey));
  test("meta", () => {
    const large = fc.nat(4).map((more) => "x".repeat(MAX_META - 4 + more));
    const meta = fc.oneof({ weight: 9, arbitrary: metas }, { weight: 1, arbitrary: large });
    expectStable(
      meta.map((value) => JSON.stringify(value)),
      parseMeta,
    );
  });

  test("frame", () =>
    expectStable(frames, (text) => {
      const { id, ...fields } = parseFrame(text);
      const line = encodeFrame(id, fields);
      expect(idInLine(line)).toBe(id);
      expect(topicInLine(line)).toBe(fields.topic);
      expect(keysOf(fields.topic, line)[0]).toBe(fields.topic);
      return line;
    }));

  test("pair of an import", () =>
    expectStable(pairs, (text) => {
      const { key, rev, type, writer, value } = parseEntryLine(text);
      const state = value
        ? { type, value: Buffer.from(value).toString("base64") }
        : { deleted: true };
      return JSON.stringify({ key, rev, ...state, ...(writer !== null && { by: writer }) });
    }));

  test("read options", () => {
    const values = {
      "last-id": ids,
      after: ids,
      from: ids,
      tail: fc.constantFrom("", "true", "no"),
      follow: fc.constantFrom("", "true", "no", "250"),
      since: fc.constantFrom("90s", "2026-11-26", "2026-11-26T10:30:15.25+02:00"),
      until: fc.constantFrom("0s", "1970-01-01", "9999-12-31T23:59:59-12:00"),
      wait: fc.constantFrom("0", "250"),
      limit: fc.constantFrom("0", "1", "250"),
      last: fc.constantFrom("0", "1", "250"),
      topic: topics,
      order: fc.constantFrom("asc", "desc"),
      "with-timestamp": fc.constantFrom("", "no"),
    };
    const right = fc.oneof(
      ...Object.entries(values).map(([name, value]) => fc.tuple(fc.constant(name), value)),
    );
    const wrong = right.chain(([name, value]) =>
      fc.tuple(around(fc.constant(name)), around(fc.constant(value))),
    );
    // Mostly right ones, so that it comes to how they go together.
    const option = fc.oneof({ weight: 4, arbitrary: right }, { weight: 1, arbitrary: wrong });
    fc.assert(
      fc.property(fc.array(option, { maxLength: 4 }), (given) => {
        const options = attempt(() => parseReadOptions(given));
        if (options) expect(parseReadOptions(formatReadOptions(options))).toEqual(options);
      }),
      cases(SHARE),
    );
  });

  test("address", () => {
    const known = fc.constantFrom("./store", "~/s", ":3000", "host:80", "http://a/b", "[::1]:8");
    fc.assert(
      fc.property(around(known), (text) => {
        attempt(() => parseAddress(text));
      }),
      cases(SHARE),
    );
  });

  test("splitter", () => {
    // Longer than a piece may be, in lines and in events that are shorter, or in one.
    const long = fc
      .record({ text: fc.constantFrom("x", "x\n", "\n", "data: x\r\n\r\n", "\r"), lack: fc.nat(2) })
      .map(({ text, lack }) =>
        Buffer.from(text.repeat(MAX_PIECE)).subarray(0, MAX_PIECE + 1 - lack),
      );
    const short = fc.uint8Array({ maxLength: 400 });
    const part = fc.oneof({ weight: 19, arbitrary: short }, { weight: 1, arbitrary: long });
    const arrivals = fc.array(part, { maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom("bytes", "lines", "sse"), arrivals, (mode, parts) => {
        const splitter = new Splitter(mode);
        const pieces = parts.flatMap((part) => splitter.push(part));
        const rest = splitter.end();
        const all = Buffer.concat(rest ? [...pieces, rest] : pieces);
        expect(all.equals(Buffer.concat(parts))).toBe(true);
        expect(pieces.every(({ length }) => length > 0 && length <= MAX_PIECE)).toBe(true);
      }),
      cases(SHARE),
    );
  });
});
