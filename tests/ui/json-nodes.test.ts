import { expect, test } from "bun:test";
import fc from "fast-check";
import { type JsonNode, membersOf, rootOf, sizeOf } from "../../src/ui/page/parts/json-nodes.ts";

/** The value that a tree of nodes shows. */
function valueIn(text: string, node: JsonNode): unknown {
  const members = membersOf(text, node);
  expect(sizeOf(text, node)).toBe(members.length);
  if (node.kind === "list") return members.map((member) => valueIn(text, member));
  if (node.kind !== "object") return JSON.parse(text.slice(node.start, node.end));
  return Object.fromEntries(members.map((member) => [member.name, valueIn(text, member)]));
}

test("the nodes of a text of JSON are its value, however it is spaced", () => {
  fc.assert(
    fc.property(
      fc.json({ maxDepth: 5 }),
      fc.constantFrom(undefined, 1, "\t", "\r\n "),
      (json, space) => {
        const value: unknown = JSON.parse(json);
        const text = ` ${JSON.stringify(value, null, space)}\n`;
        expect(JSON.stringify(valueIn(text, rootOf(text)))).toBe(JSON.stringify(value));
      },
    ),
  );
});

test("members of one name, odd numbers, and a depth that no stack holds stay as they are written", () => {
  const text = '{"a":1,"a":2,"":1e400,"2":-0,"1":12345678901234567890,"\\u0022]":"}\\\\"}';
  const members = membersOf(text, rootOf(text));
  expect(members.map(({ name, start, end }) => [name, text.slice(start, end)])).toEqual([
    ["a", "1"],
    ["a", "2"],
    ["", "1e400"],
    ["2", "-0"],
    ["1", "12345678901234567890"],
    ['"]', '"}\\\\"'],
  ]);
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  const [inner] = membersOf(deep, rootOf(deep));
  expect(inner).toMatchObject({ start: 1, end: 199_999 });
  expect(sizeOf(deep, rootOf(deep))).toBe(1);
});
