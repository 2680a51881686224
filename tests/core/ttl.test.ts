import { describe, expect, test } from "bun:test";
import { packId } from "../../src/core/id.ts";
import { expiryOf, parseAskedTtl, parseTtl, ttlOfNew } from "../../src/core/ttl.ts";

const NOW = 1_800_000_000_000;
const idAt = (ts_ms: number) => packId({ ts_ms, counter_hi: 1, counter_lo: 1, node: "00000000" });

describe("until:", () => {
  test.each([
    ["until:1798070400000", 1_798_070_400_000],
    ["until:2026-12-24", Date.UTC(2026, 11, 24)],
    ["until:2026-12-24T18:30Z", Date.UTC(2026, 11, 24, 18, 30)],
    ["until:2026-12-24T18:30:15.25Z", Date.UTC(2026, 11, 24, 18, 30, 15, 250)],
    ["until:2026-12-24 18:30Z", Date.UTC(2026, 11, 24, 18, 30)],
    ["until:2026-12-24t18:30:00z", Date.UTC(2026, 11, 24, 18, 30)],
    ["until:2026-12-24T18:30:00+02:00", Date.UTC(2026, 11, 24, 16, 30)],
    ["until:2026-12-24T18:30:00-05:30", Date.UTC(2026, 11, 25, 0, 0)],
    ["until:2026-12-24T18:30", Date.UTC(2026, 11, 24, 18, 30)],
    ["until:2028-02-29", Date.UTC(2028, 1, 29)],
  ])("%s is a moment, and stands in frames in ms", (text, at) => {
    expect(parseTtl(text)).toEqual({ kind: "until", text: `until:${at}`, at });
    expect(expiryOf(parseTtl(text), idAt(NOW))).toBe(at);
    expect(parseTtl(parseTtl(text).text)).toEqual(parseTtl(text));
  });

  test.each([
    "until:",
    "until:0",
    "until:-1",
    "until:1e12",
    "until:01",
    "until:tomorrow",
    "until:2026-13-01",
    "until:2026-02-30",
    "until:2027-02-29",
    "until:2026-12-24T24:00",
    "until:2026-12-24T12:60Z",
    "until:2026-12-24T12:00+25:00",
    "until:2026-12",
    "until:9999999999999999",
    "until:0001-01-01",
    "UNTIL:2026-12-24",
  ])("%s is refused, with the forms there are", (text) => {
    expect(() => parseTtl(text)).toThrow("until:2026-12-24");
  });

  test("a date without an offset is local where a person types it", () => {
    const at = new Date(2026, 11, 24, 18, 30).getTime();
    expect(parseTtl("until:2026-12-24T18:30", "local").text).toBe(`until:${at}`);
    expect(parseTtl("until:2026-12-24T18:30Z", "local").text).toBe(
      `until:${Date.UTC(2026, 11, 24, 18, 30)}`,
    );
  });

  test("seconds are taken for the slip that they are, but not in a frame that is there", () => {
    expect(() => parseAskedTtl("until:1798070400")).toThrow("milliseconds since 1970, not seconds");
    expect(parseAskedTtl("until:1798070400000").text).toBe("until:1798070400000");
    expect(parseTtl("until:1798070400").text).toBe("until:1798070400");
  });
});

describe("time:", () => {
  test.each([
    ["time:1", 1],
    ["time:1500", 1500],
    ["time:90s", 90_000],
    ["time:15m", 900_000],
    ["time:12h", 43_200_000],
    ["time:7d", 604_800_000],
    ["time:4w", 2_419_200_000],
  ])("%s is a duration, and stands in frames in ms", (text, ms) => {
    expect(parseTtl(text)).toEqual({ kind: "time", text: `time:${ms}`, ms });
    expect(parseTtl(parseTtl(text).text)).toEqual(parseTtl(text));
  });

  test.each([
    "time:",
    "time:0",
    "time:0s",
    "time:07d",
    "time:-1s",
    "time:1.5h",
    "time:1h30m",
    "time:7D",
    "time:7 d",
    "time:d",
    "time:5y",
    "time:9999999w",
    "time:999999999999999w",
    "TIME:7d",
    "last:7d",
    "until:7d",
  ])("%s is refused, with the forms there are", (text) => {
    expect(() => parseTtl(text)).toThrow("time:7d");
  });
});

test("time: becomes the until: that was meant where the id is ahead of the clock, and only there", () => {
  const time = parseTtl("time:1000");
  expect(ttlOfNew(time, idAt(NOW), NOW)).toBe(time);
  expect(ttlOfNew(time, idAt(NOW - 5), NOW)).toBe(time);
  expect(ttlOfNew(time, idAt(NOW + 1), NOW).text).toBe(`until:${NOW + 1000}`);
  for (const text of ["forever", "ephemeral", "last:3", `until:${NOW + 5}`]) {
    expect(ttlOfNew(parseTtl(text), idAt(NOW + 9), NOW)).toEqual(parseTtl(text));
  }
});
