import { expect, test } from "bun:test";
import {
  keyOf,
  namesAbove,
  type TopicNode,
  topicTree,
  visibleRows,
} from "../../src/ui/page/views/topics/topic-tree.ts";

function row(topic: string, frames: number, last = "b") {
  return { topic, frames, first: "a", last };
}

function names(nodes: readonly TopicNode[], isOpen: (node: TopicNode) => boolean): string[] {
  return visibleRows(nodes, isOpen).map(
    ({ node, level, place, of }) => `${level} ${place}/${of} ${node.label} ${node.frames}`,
  );
}

test("topics become a tree: counts add up, and lone segments are joined", () => {
  const tree = topicTree([
    row("a", 1, "c"),
    row("a.x", 2),
    row("a.y.z.one", 3, "d"),
    row("a.y.z.two", 4),
    row("b.c.d", 5),
  ]);
  expect(names(tree, () => true)).toEqual([
    "1 1/2 a 10",
    "2 1/3 (itself) 1",
    "2 2/3 x 2",
    "2 3/3 y.z 7",
    "3 1/2 one 3",
    "3 2/2 two 4",
    "1 2/2 b.c.d 5",
  ]);
  expect(names(tree, () => false)).toEqual(["1 1/2 a 10", "1 2/2 b.c.d 5"]);
  expect(tree[0]?.last).toBe("d");
  expect(tree.map(({ pattern }) => pattern)).toEqual(["a,a.*", "b.c.d"]);
  expect(tree[0]?.children[2]?.pattern).toBe("a.y.z.*");
});

test("each node has a key, and the nodes above what is selected have names", () => {
  const all = visibleRows(topicTree([row("a", 1), row("a.b", 2), row("a.b.c", 3)]), () => true);
  const keys = all.map(({ node }) => keyOf(node));
  expect(new Set(keys).size).toBe(keys.length);
  expect(namesAbove("a.b.c")).toEqual(["a", "a.b"]);
  expect(namesAbove("a.b,a.b.*")).toEqual(["a", "a", "a.b"]);
  expect(namesAbove("")).toEqual([]);
});

test("a tree of very many topics is made at once", () => {
  const rows = Array.from({ length: 20_000 }, (_, n) => row(`t.g${n % 100}.x${n}`, 1));
  const tree = topicTree(rows);
  expect(visibleRows(tree, () => true)).toHaveLength(20_101);
  expect(tree[0]?.frames).toBe(20_000);
});
