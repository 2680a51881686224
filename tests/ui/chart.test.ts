import { expect, test } from "bun:test";
import { ticksOf } from "../../src/ui/page/lib/ticks.ts";
import { barsOf } from "../../src/ui/page/parts/bars.ts";

test("counts have a bar for each that is not zero, none above the edge", () => {
  expect(barsOf([0, 0, 0], 48, 16)).toBe("");
  expect(barsOf([0, 5, 10], 48, 16).match(/M/g)).toHaveLength(2);
  expect(barsOf([10], 48, 16)).toContain("v-16");
  expect(barsOf([1, 1_000_000], 48, 16)).toContain("v-1.5");
  expect(barsOf([], 48, 16)).toBe("");
});

test("an axis has labels that can be read: few, in the order of time, each day named once", () => {
  const begin = new Date(2026, 10, 26, 22, 3, 7, 5).getTime();
  const labels = (ms: number, most: number) =>
    ticksOf(begin, begin + ms, most).map(({ label }) => label);
  expect(labels(3_600_000, 8)).toEqual([
    "11-26 22:10",
    "22:20",
    "22:30",
    "22:40",
    "22:50",
    "23:00",
  ]);
  expect(labels(3 * 3_600_000, 3)).toEqual(["11-26 23:00", "11-27 00:00", "01:00"]);
  expect(labels(10_000, 3)).toEqual(["11-26 22:03:10", "22:03:15"]);
  expect(labels(3, 10)).toEqual(["11-26 22:03:07.005", "22:03:07.006", "22:03:07.007"]);
  expect(labels(5 * 86_400_000, 5)).toEqual(["11-27", "11-28", "11-29", "11-30", "12-01"]);
  for (const ms of [1, 1000, 60_000, 86_400_000, 4e10, 1e12]) {
    const ticks = ticksOf(begin, begin + ms, 10);
    expect(ticks.length).toBeLessThanOrEqual(11);
    expect(ticks.every(({ ms: at }) => at >= begin && at < begin + ms)).toBe(true);
  }
  expect(ticksOf(begin, begin + 1000, 0)).toHaveLength(1);
});
