import { expect, test } from "bun:test";
import fc from "fast-check";
import { checkAt, parseAt } from "../../src/core/at.ts";
import { idOfTime, packId, timestampOf } from "../../src/core/id.ts";
import { formatTime } from "../../src/core/time.ts";
import { EPHEMERAL, FOREVER, parseTtl } from "../../src/core/ttl.ts";

const NOW = Date.parse("2026-11-26T12:00Z");

test.each([
  ["2026-12-24T18:00:00+01:00", "2026-12-24T17:00:00.000Z"],
  ["2026-12-24t18:00:00.5z", "2026-12-24T18:00:00.500Z"],
  ["2026-12-24 18:00", "2026-12-24T18:00:00.000Z"],
  ["2026-12-24", "2026-12-24T00:00:00.000Z"],
  ["1970-01-01", "1970-01-01T00:00:00.000Z"],
  ["2126-11-26", "2126-11-26T00:00:00.000Z"],
])("%s is a time", (text, time) => {
  expect(formatTime(parseAt(text, "utc", NOW))).toBe(time);
});

test.each([
  ["", /"" is not a time/],
  ["1795687200", /is not a time/],
  ["18:00", /is not a time/],
  ["2026-02-29", /is not a time/],
  ["2026-12-24T24:01Z", /is not a time/],
  ["15m", /that is a duration, and {2}xs append --in 15m/],
  ["1969-12-31T23:59:59Z", /before 1970/],
  ["2127-06-01", /more than a hundred years/],
])("%p is refused", (text, why) => {
  expect(() => parseAt(text, "utc", NOW)).toThrow(why);
});

test("what the store cannot keep until then, or would have lost by then, is refused", () => {
  checkAt("note", FOREVER, NOW);
  checkAt("note", parseTtl(`until:${NOW + 1}`), NOW);
  expect(() => checkAt("note", EPHEMERAL, NOW)).toThrow("ephemeral");
  expect(() => checkAt("note", parseTtl(`until:${NOW}`), NOW)).toThrow("which ends before");
  expect(() => checkAt("stream.cross.handler.spawn", FOREVER, NOW)).toThrow("the runtime acts");
});

test("ids of one time rise, each next to the one before, and stay in that time", () => {
  const counters = fc.nat({ max: 2 ** 24 - 2 });
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 47 }), counters, counters, (ts_ms, counter_hi, lo) => {
      // Now and then the lower counter is at its end.
      const counter_lo = lo % 3 === 0 ? 2 ** 24 - 1 : lo;
      let newest = packId({ ts_ms, counter_hi, counter_lo, node: "ffffffff" });
      for (let n = 0; n < 3; n++) {
        const id = idOfTime(ts_ms, newest);
        expect(id > newest && timestampOf(id) === ts_ms).toBe(true);
        newest = id;
      }
      const first = idOfTime(ts_ms);
      expect(timestampOf(first)).toBe(ts_ms);
      expect(idOfTime(ts_ms)).not.toBe(first);
    }),
  );
});
