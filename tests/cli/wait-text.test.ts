import { expect, test } from "bun:test";
import { styleFor } from "../../src/cli/kit/colours.ts";
import { logLine } from "../../src/cli/kit/log-lines.ts";
import { waitText } from "../../src/cli/kit/wait-text.ts";

test.each([
  [0, "0.1 s"],
  [340, "0.3 s"],
  [949, "0.9 s"],
  [950, "1 s"],
  [1000, "1 s"],
  [64_000, "64 s"],
  [3_540_000, "59 min"],
  [86_213_000, "24 h"],
])("a wait of %d ms is %s", (ms, text) => {
  expect(waitText(ms)).toBe(text);
});

test.each([
  [12, "in 0.1 s"],
  [3_540_000, "in 59 min"],
])("the log of a processor says that a wait of %d ms is %s", (delay_ms, text) => {
  const meta = { delay_ms, reason: "it ended with exit code 3" };
  const topic = "stream.cross.generator.restarting";
  const frame = { topic, id: "03hadtdyn9s2dxl5soli9q9dz", hash: null, meta, ttl: "forever" };
  expect(logLine(frame, styleFor(false), false)).toEndWith(`  ${text}: it ended with exit code 3`);
});
