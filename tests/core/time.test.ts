import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { firstIdAt, timestampOf } from "../../src/core/id.ts";
import { formatTime, parseAge, parseDuration, parseTime } from "../../src/core/time.ts";
import { ids } from "../support/arbitrary.ts";

const NOW = Date.UTC(2026, 10, 26, 12);
const at = (text: string, zone: "utc" | "local" = "utc") => parseTime(text, "since", zone, NOW);

describe("a duration", () => {
  test.each([
    ["0s", 0],
    ["90s", 90_000],
    ["15m", 900_000],
    ["2h", 7_200_000],
    ["007d", 7 * 86_400_000],
    ["4w", 28 * 86_400_000],
    ["", undefined],
    ["90", undefined],
    ["s", undefined],
    ["-1s", undefined],
    ["1.5h", undefined],
    ["1h30m", undefined],
    ["2H", undefined],
    ["2 h", undefined],
    ["2h ", undefined],
    ["٣s", undefined],
    ["999999999999999w", undefined],
  ])("%p is %p ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test("an age may be a number of ms as well", () => {
    expect([parseAge("1500", "tombstones"), parseAge("4w", "tombstones")]).toEqual([
      1500, 2_419_200_000,
    ]);
    for (const text of ["", "1y", "-1", "99999999999999999"]) {
      expect(() => parseAge(text, "tombstones")).toThrow('"tombstones"');
    }
  });
});

describe("a time", () => {
  test.each([
    ["90s", NOW - 90_000],
    ["4w", NOW - 28 * 86_400_000],
    ["0s", NOW],
    ["2026-11-26", Date.UTC(2026, 10, 26)],
    ["2028-02-29", Date.UTC(2028, 1, 29)],
    ["2026-11-26T10:30", Date.UTC(2026, 10, 26, 10, 30)],
    ["2026-11-26 10:30:15", Date.UTC(2026, 10, 26, 10, 30, 15)],
    ["2026-11-26T10:30:15.25Z", Date.UTC(2026, 10, 26, 10, 30, 15, 250)],
    ["2026-11-26t10:30:15z", Date.UTC(2026, 10, 26, 10, 30, 15)],
    ["2026-11-26T10:30:00+02:00", Date.UTC(2026, 10, 26, 8, 30)],
    ["2026-11-26T23:30:00-05:30", Date.UTC(2026, 10, 27, 5)],
    // A bound is never before the moment that was named.
    ["2026-11-26T10:30:15.000000001Z", Date.UTC(2026, 10, 26, 10, 30, 15, 1)],
    ["2026-11-26T10:30:15.999000Z", Date.UTC(2026, 10, 26, 10, 30, 15, 999)],
    ["1970-01-01", 0],
    ["9999-12-31T23:59:59.999Z", Date.UTC(9999, 11, 31, 23, 59, 59, 999)],
    ["9999-12-31T23:59:59.999-12:00", Date.UTC(10000, 0, 1, 11, 59, 59, 999)],
    // Before all ids, or after: what a range has there is the same.
    ["1969-12-31", 0],
    ["0001-01-01", 0],
    ["99999999d", 0],
    ["+099999-01-01", 2 ** 48 - 1],
  ])("%p is read", (text, ms) => {
    expect(at(text)).toBe(ms);
    expect(at(formatTime(at(text)))).toBe(ms);
  });

  test.each([
    "",
    "90",
    "yesterday",
    "2026-02-30",
    "2027-02-29",
    "2026-13-01",
    "2026-00-10",
    "2026-11-26T24:00",
    "2026-11-26T10:60",
    "2026-11-26T10:30:60Z",
    "2026-11-26T10:30+25:00",
    "2026-11-26T10",
    "2026-11",
    "26.11.2026",
    "20261126",
    "-5m",
    "1h30m",
    "1795687200000",
    "999999999999999w",
    "2026-11-26T10:30:00 02:00",
    "03hadtdyn9s2dxl5soli9q9dz",
  ])("%p is refused by name, with the forms there are", (text) => {
    expect(() => at(text)).toThrow(/since=.*2026-12-24.*15m/);
  });

  test("a lost plus, a missing unit and a day that no calendar has are told of", () => {
    expect(() => at("2026-11-26T10:30:00 02:00")).toThrow("%2B");
    expect(() => at("90")).toThrow("90s");
    expect(() => at("2026-02-30")).toThrow("there is no such day");
  });

  test("a date without an offset is local where a person types it", () => {
    expect(at("2026-11-26T10:30", "local")).toBe(new Date(2026, 10, 26, 10, 30).getTime());
    expect(at("2026-11-26", "local")).toBe(new Date(2026, 10, 26).getTime());
    expect(at("2026-11-26T10:30Z", "local")).toBe(Date.UTC(2026, 10, 26, 10, 30));
  });
});

test("the first id of a time is above all ids before it, and below those from it on", () => {
  fc.assert(
    fc.property(ids, ids, (one, other) => {
      const time = timestampOf(other);
      expect(firstIdAt(time)).toHaveLength(25);
      expect(timestampOf(firstIdAt(time))).toBe(time);
      expect(one >= firstIdAt(time)).toBe(timestampOf(one) >= time);
    }),
  );
  expect(firstIdAt(0)).toBe("0".repeat(25));
});
