import { expect, test } from "bun:test";
import { join } from "node:path";
import { GONE, ROUTES } from "../../src/api/routes.ts";

const protocol = await Bun.file(join(import.meta.dir, "../../docs/protocol.md")).text();

/** What a path begins with, and what no topic can be named any more. */
const FROZEN = [
  "",
  "append",
  "cas",
  "eval",
  "export",
  "first",
  "gc",
  "health",
  "import",
  "kv",
  "last",
  "metrics",
  "ps",
  "stream",
  "verify",
  "version",
];

test("what is new lives below /-/, as every other first segment may be a topic", () => {
  const paths = [...ROUTES.map(({ path }) => path), ...Object.keys(GONE)];
  const firsts = paths.map((path) => path.split("/")[1] ?? "");
  const literal = new Set(firsts.filter((first) => !first.startsWith(":") && first !== "-"));
  expect([...literal].sort()).toEqual(FROZEN);
});

test("every route, with its options, stands in docs/protocol.md", () => {
  for (const { method, path, options } of ROUTES) {
    const shown = path.replace("+", "");
    expect(protocol).toMatch(new RegExp(`\`[A-Z, \`]*\\b${method}\\b[^|]*${shown}[\`, \\[]`));
    for (const name of Object.keys(options)) expect(protocol).toContain(`\`${name}\``);
  }
});

test("a method and a path are one route", () => {
  const keys = ROUTES.map(({ method, path }) => `${method} ${path.replace(/:\w+/, ":")}`);
  expect(new Set(keys).size).toBe(keys.length);
  for (const { about } of ROUTES) expect(about).toMatch(/^[^\n]{2,80}$/);
});
