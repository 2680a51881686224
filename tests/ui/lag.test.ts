import { expect, test } from "bun:test";
import {
  addPoint,
  type LagPoint,
  lineOf,
  rangeOf,
} from "../../src/ui/page/views/processors/lag.ts";

test("a line has a gap where nobody looked", () => {
  const lag: LagPoint[] = [];
  for (const at of [100, 102, 104, 200, 202]) addPoint(lag, at, at, 10);
  expect(lag).toEqual([
    [100, 100],
    [102, 102],
    [104, 104],
    [105, null],
    [200, 200],
    [202, 202],
  ]);
});

test("a line keeps its newest points, in the order of time", () => {
  const lag: LagPoint[] = [];
  for (let at = 0; at < 50; at += 2) addPoint(lag, at, at, 10);
  expect(lag.length).toBe(10);
  expect(lag.at(-1)).toEqual([48, 48]);
  addPoint(lag, 20, 1, 10);
  expect(lag).toEqual([[20, 1]]);
});

test("the chart shows two minutes at least, also with one point, or none", () => {
  expect(rangeOf([], 1000)).toEqual([880, 1000]);
  expect(rangeOf([[1000, 5]], 1000)).toEqual([880, 1000]);
  expect(
    rangeOf(
      [
        [100, 5],
        [1000, 5],
      ],
      1000,
    ),
  ).toEqual([100, 1000]);
});

test("the line has no part where nobody looked", () => {
  const same = (n: number) => n;
  expect(lineOf([], same, same)).toBe("");
  expect(
    lineOf(
      [
        [1, 10],
        [2, 20],
        [3, null],
        [30, 5],
      ],
      same,
      same,
    ),
  ).toBe("M1.0 10.0L2.0 20.0M30.0 5.0");
});
