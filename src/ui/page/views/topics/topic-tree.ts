/** A topic, as the API lists it. */
export interface TopicRow {
  readonly topic: string;
  readonly frames: number;
  /** The ids of its first and its last frame. */
  readonly first: string;
  readonly last: string;
}

/** A node of the tree: a topic, or what topics have in common, or both. */
export interface TopicNode {
  /** Its last segment. */
  readonly label: string;
  /** The topic, or the common begin of topics without the last dot. */
  readonly name: string;
  /** What selects it: `a.*` for all below it, the topic itself for a leaf. */
  readonly pattern: string;
  /** Of all that it selects. */
  readonly frames: number;
  /** The id of the newest of those. */
  readonly last: string;
  readonly children: readonly TopicNode[];
}

interface Growing {
  own: TopicRow | undefined;
  readonly children: Map<string, Growing>;
}

/** Makes the tree of some topics, by name. Segments that lead to one node alone are joined to one. */
export function topicTree(rows: readonly TopicRow[]): TopicNode[] {
  const root: Growing = { own: undefined, children: new Map() };
  for (const row of rows) {
    let node = root;
    for (const segment of row.topic.split(".")) {
      let next = node.children.get(segment);
      if (!next) {
        next = { own: undefined, children: new Map() };
        node.children.set(segment, next);
      }
      node = next;
    }
    node.own = row;
  }
  return nodesIn(root, "");
}

function nodesIn({ children }: Growing, prefix: string): TopicNode[] {
  return [...children].map(([segment, child]) => nodeOf(segment, prefix + segment, child));
}

function nodeOf(label: string, name: string, { own, children }: Growing): TopicNode {
  const [only] = children;
  if (!own && only && children.size === 1) {
    return nodeOf(`${label}.${only[0]}`, `${name}.${only[0]}`, only[1]);
  }
  const below = nodesIn({ own: undefined, children }, `${name}.`);
  if (own && below.length === 0) {
    return { label, name, pattern: name, frames: own.frames, last: own.last, children: [] };
  }
  // The topic itself is not in `a.*`.
  const self = own && {
    label: "(itself)",
    name,
    pattern: name,
    frames: own.frames,
    last: own.last,
    children: [],
  };
  const all = self ? [self, ...below] : below;
  return {
    label,
    name,
    pattern: own ? `${name},${name}.*` : `${name}.*`,
    frames: all.reduce((sum, { frames }) => sum + frames, 0),
    last:
      all
        .map(({ last }) => last)
        .sort()
        .at(-1) ?? "",
    children: all,
  };
}

/** What a node is known by: a topic and the node of those below it have the same name. */
export function keyOf({ name, pattern }: TopicNode): string {
  return `${name} ${pattern}`;
}

/** The names of all nodes above those that a pattern selects, and of what it selects by a `*`. */
export function namesAbove(pattern: string): string[] {
  return pattern.split(",").flatMap((each) => {
    const parts = each.replace(/^!/, "").split(".");
    const names = parts.slice(0, -1);
    return names.map((_, at) => names.slice(0, at + 1).join("."));
  });
}

/** A row of the tree that is visible. */
export interface TreeRow {
  readonly node: TopicNode;
  /** From 1. */
  readonly level: number;
  /** Its place among its siblings, from 1, and how many these are. */
  readonly place: number;
  readonly of: number;
}

/** The rows of a tree: those below a node that is folded are left out. */
export function visibleRows(
  nodes: readonly TopicNode[],
  isOpen: (node: TopicNode) => boolean,
): TreeRow[] {
  const rows: TreeRow[] = [];
  const add = (siblings: readonly TopicNode[], level: number) => {
    for (const [at, node] of siblings.entries()) {
      rows.push({ node, level, place: at + 1, of: siblings.length });
      if (node.children.length > 0 && isOpen(node)) add(node.children, level + 1);
    }
  };
  add(nodes, 1);
  return rows;
}
