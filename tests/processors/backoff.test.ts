import { expect, test } from "bun:test";
import { Backoff } from "../../src/processors/lifecycle/backoff.ts";

test("a program that keeps ending waits a second, then twice as long each time, a minute at most", () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 9 }, () => backoff.after(59_999) / 1000);
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
});

test("after a minute of health it begins with a second again", () => {
  const backoff = new Backoff();
  for (let n = 0; n < 8; n++) backoff.after(0);
  expect([backoff.after(60_000), backoff.after(0), backoff.after(0)]).toEqual([1000, 2000, 4000]);
});
