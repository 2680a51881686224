import { expect, test } from "bun:test";
import { waitText } from "../../src/cli/kit/lifecycle-lines.ts";

test.each([
  [1000, "1 s"],
  [64_000, "64 s"],
  [3_540_000, "59 min"],
  [86_213_000, "24 h"],
])("a wait of %d ms is %s", (ms, text) => {
  expect(waitText(ms)).toBe(text);
});
