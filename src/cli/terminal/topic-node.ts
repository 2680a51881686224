import { later } from "../../core/place.ts";

/** A topic as `GET /-/topics` has it. */
export interface ListedTopic {
  readonly topic: string;
  readonly frames: number;
  readonly first: string;
  readonly last: string;
}

/** Counts of some topics together, and the ids of their oldest and newest frames. */
export type Counts = Omit<ListedTopic, "topic"> & { readonly topics: number };

/** A topic, a part of the names of several, or both. */
export interface TopicNode {
  /** The parts of the name between the node above and this one. */
  readonly label: string;
  /** The whole name. */
  readonly path: string;
  /** Undefined where no frame has just this name. */
  readonly own: ListedTopic | undefined;
  /** By their labels. */
  readonly children: readonly TopicNode[];
  /** Of this node and of all below it. */
  readonly all: Counts;
}

interface Building {
  own?: ListedTopic;
  readonly children: Map<string, Building>;
}

/** Makes a tree of topics: the nodes below its root. A part of names on which only one name goes on is no node. */
export function treeOf(topics: readonly ListedTopic[]): TopicNode[] {
  const root: Building = { children: new Map() };
  for (const topic of topics) {
    let node = root;
    for (const part of topic.topic.split(".")) {
      let next = node.children.get(part);
      if (!next) {
        next = { children: new Map() };
        node.children.set(part, next);
      }
      node = next;
    }
    node.own = topic;
  }
  return nodesIn(root, "");
}

/** Adds up the counts of nodes. */
export function countsOf(nodes: readonly Pick<TopicNode, "all">[]): Counts {
  return nodes
    .map(({ all }) => all)
    .reduce((one, other) => ({
      topics: one.topics + other.topics,
      frames: one.frames + other.frames,
      first: [one.first, other.first].sort()[0] as string,
      last: later(one.last, other.last),
    }));
}

function nodesIn({ children }: Building, above: string): TopicNode[] {
  return [...children]
    .map(([label, child]) => nodeOf(label, child, above))
    .sort((one, other) => (one.label < other.label ? -1 : 1));
}

function nodeOf(part: string, given: Building, above: string): TopicNode {
  let [label, node] = [part, given];
  while (!node.own && node.children.size === 1) {
    for (const [next, child] of node.children) [label, node] = [`${label}.${next}`, child];
  }
  const path = above === "" ? label : `${above}.${label}`;
  const children = nodesIn(node, path);
  const { own } = node;
  const counted = own ? [{ all: { ...own, topics: 1 } }] : [];
  return { label, path, own, children, all: countsOf([...counted, ...children]) };
}
