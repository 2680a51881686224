import { expect, test } from "bun:test";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { absolutePath } from "../../src/core/absolute-path.ts";

const SEGMENT = fc.oneof(
  fc.constantFrom(
    "",
    ".",
    "..",
    "...",
    ".a",
    "a.b",
    "a..",
    "-",
    "_",
    "~",
    " ",
    "ä",
    "a\nb",
    "\n",
    "sock",
    "a\\b",
  ),
  fc.string(),
);

test("a path becomes what node:path resolves, whatever is in it and wherever the process is", () => {
  const here = process.cwd();
  try {
    for (const folder of [here, "/", "/tmp"]) {
      process.chdir(folder);
      fc.assert(
        fc.property(
          fc.constantFrom("", "/", "./", "../", "//"),
          fc.array(SEGMENT),
          (start, segments) => {
            const text = start + segments.join("/");
            fc.pre(!/^~(\/|$)/.test(text) && !text.includes("\0"));
            expect(absolutePath(text)).toBe(resolve(text));
          },
        ),
        { numRuns: 500 },
      );
    }
  } finally {
    process.chdir(here);
  }
});

test("~ is the home of the user, at the start alone", () => {
  expect(absolutePath("~")).toBe(homedir());
  expect(absolutePath("~/a/../b")).toBe(join(homedir(), "b"));
  expect(absolutePath("./~")).toBe(resolve("~"));
  expect(absolutePath("~other")).toBe(resolve("~other"));
});
