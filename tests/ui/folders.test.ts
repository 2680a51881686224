import { expect, test } from "bun:test";
import fc from "fast-check";
import { above, inFolders, wayTo } from "../../src/ui/page/views/kv/folders.ts";
import type { Entry } from "../../src/ui/page/views/kv/listed.ts";

const entry = (key: string, rev = "1", size = 1): Entry => ({ key, rev, size, type: "" });

test("keys that have more folders behind the prefix are in one row", () => {
  const keys = ["a", "a/b", "a/c/d", "b//c", "views/x", "views/y"];
  const rows = inFolders(
    keys.map((key, n) => entry(key, `${n}`, n)),
    "",
  );
  expect(rows).toEqual([
    entry("a", "0", 0),
    { prefix: "a/", entries: 2, size: 3, rev: "2" },
    { prefix: "b/", entries: 1, size: 3, rev: "3" },
    { prefix: "views/", entries: 2, size: 9, rev: "5" },
  ]);
  expect(inFolders([entry("views/x"), entry("views/z/1")], "views/")).toEqual([
    entry("views/x"),
    { prefix: "views/z/", entries: 1, size: 1, rev: "1" },
  ]);
});

test("no key is lost or twice, whatever the keys and the prefix", () => {
  const part = fc.constantFrom("a", "b", "/", "..", "é", "💡");
  const key = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.uniqueArray(key, { maxLength: 30 }), key, (keys, prefix) => {
      const below = keys.filter((each) => each.startsWith(prefix)).sort();
      const rows = inFolders(
        below.map((each) => entry(each)),
        prefix,
      );
      const counts = rows.map((row) => ("key" in row ? 1 : row.entries));
      expect(counts.reduce((sum, each) => sum + each, 0)).toBe(below.length);
      const names = rows.map((row) => ("key" in row ? row.key : row.prefix));
      expect(new Set(names).size).toBe(names.length);
    }),
  );
});

test("the way to a prefix is its folders, and above it is the one that it is in", () => {
  expect(wayTo("views/a/b").map(({ prefix }) => prefix)).toEqual(["views/", "views/a/"]);
  expect(wayTo("")).toEqual([]);
  expect(wayTo("a//").map(({ label }) => label)).toEqual(["a/", "/"]);
  expect(["views/a/", "views/a", "views/", "views", ""].map(above)).toEqual([
    "views/",
    "views/",
    "",
    "",
    "",
  ]);
});
