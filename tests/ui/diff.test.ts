import { expect, test } from "bun:test";
import fc from "fast-check";
import { type DiffLine, diffLines, shortened } from "../../src/ui/page/views/processors/diff.ts";

const textOf = (lines: readonly DiffLine[], without: DiffLine["kind"]) =>
  lines
    .filter(({ kind }) => kind !== without)
    .map(({ text }) => text)
    .join("\n");

/** The length of the longest common subsequence, slow and plain. */
function common(a: readonly string[], b: readonly string[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const line of a) {
    const next = [0];
    b.forEach((other, at) => {
      next.push(line === other ? (row[at] ?? 0) + 1 : Math.max(row[at + 1] ?? 0, next[at] ?? 0));
    });
    row = next;
  }
  return row.at(-1) ?? 0;
}

test("a comparison has both texts, and as many lines that are the same as there can be", () => {
  const texts = fc.array(fc.constantFrom("a", "b", "c", ""), { maxLength: 30 });
  fc.assert(
    fc.property(texts, texts, (before, after) => {
      const lines = diffLines(before.join("\n"), after.join("\n"));
      expect(textOf(lines, "new")).toBe(before.join("\n"));
      expect(textOf(lines, "old")).toBe(after.join("\n"));
      const same = lines.filter(({ kind }) => kind === "same").length;
      expect(same).toBe(common(before.join("\n").split("\n"), after.join("\n").split("\n")));
    }),
    { numRuns: 2000 },
  );
});

test("of a change the old lines come before the new ones", () => {
  const kinds = diffLines("a\nb\nc\nd", "a\nx\ny\nd").map(({ kind }) => kind);
  expect(kinds).toEqual(["same", "old", "old", "new", "new", "same"]);
});

test("two large texts that have nothing in common are two texts", () => {
  const many = (word: string) =>
    Array.from({ length: 20_000 }, (_, n) => `${word} ${n}`).join("\n");
  const lines = diffLines(many("old"), many("new"));
  expect(lines.length).toBe(40_000);
  expect(textOf(lines, "new")).toBe(many("old"));
});

test("what is the same and far from a change is counted", () => {
  const before = Array.from({ length: 20 }, (_, n) => `${n}`);
  const parts = shortened(diffLines(before.join("\n"), before.with(10, "x").join("\n")), 2);
  expect(parts.map((part) => ("left" in part ? part.left : part.lines.length))).toEqual([8, 6, 7]);
  expect(shortened(diffLines("a", "a"))).toEqual([{ left: 1 }]);
});
