import { timestampOf } from "../../core/id.ts";
import { RUNTIME_PREFIX } from "../../core/topic.ts";
import type { Style } from "../kit/colours.ts";
import { plural } from "../kit/plural.ts";
import { agoText, Clock } from "./clock.ts";
import { fit } from "./fit.ts";
import { Table } from "./table.ts";
import { type Counts, countsOf, type ListedTopic, type TopicNode, treeOf } from "./topic-node.ts";

/** The most rows of a tree, unless all are wanted. */
const MAX_ROWS = 200;
/** Where so few rows would be left, one node shows a part of what is below it. */
const FEW_ROWS = 5;

/** A row of the tree. */
interface Row {
  readonly cells: readonly string[];
  readonly isDim: boolean;
}

/** Shows the topics as a tree. Where there are many, it folds what is below a node, and says how to see it. */
export class TopicTree {
  readonly #style: Style;
  readonly #maxRows: number;
  readonly #topics: ListedTopic[] = [];
  /** How many of the nodes below a node are shown. */
  readonly #shown = new Map<TopicNode | undefined, number>();
  #hidden = 0;

  constructor(style: Style, maxRows = MAX_ROWS) {
    this.#style = style;
    this.#maxRows = maxRows;
  }

  /** Takes topics; the tree needs all of them. @param lines as `GET /-/topics` returns them */
  show(lines: readonly string[]): string[] {
    for (const line of lines) this.#topics.push(JSON.parse(line) as ListedTopic);
    return [];
  }

  /** Yields the tree. */
  *end(columns: number): Generator<string> {
    const roots = treeOf(this.#topics);
    this.#unfold(roots);
    const rows = [...this.#rows(undefined, roots, "")];
    const { dim } = this.#style;
    const table = new Table(
      [
        { head: "TOPIC", isFlexible: true, least: 20, format: (cell) => this.#named(cell) },
        { head: "EVENTS", alignRight: true },
        { head: "NEWEST" },
        { head: "FIRST", format: (cell) => dim(cell) },
        { head: "NEWEST ID", isId: true, format: (cell) => dim(cell) },
      ],
      this.#style,
    );
    const cells = rows.map((row) => row.cells);
    yield table.show(cells, columns, (at) => rows[at]?.isDim ?? false);
    if (this.#hidden === 0) return;
    const hint = `${plural(this.#hidden, "topics")} folded: -T 'a.*' shows those below a, --all shows all`;
    yield `${dim(fit(hint, columns, this.#style).text)}\n`;
  }

  /**
   * Decides which nodes show what is below them: level by level, as long as there is room, and on each level those with
   * the fewest children first. Those with as many are treated alike.
   */
  #unfold(roots: readonly TopicNode[]): void {
    const atRoot = Math.min(roots.length, this.#maxRows);
    this.#shown.set(undefined, atRoot);
    let left = this.#maxRows - atRoot;
    const folded: TopicNode[] = [];
    let level = roots.slice(0, atRoot);
    while (level.length > 0) {
      const next: TopicNode[] = [];
      const bySize = Map.groupBy(level, ({ children }) => children.length);
      for (const size of [...bySize.keys()].sort((one, other) => one - other)) {
        const nodes = bySize.get(size) ?? [];
        if (size * nodes.length > left) {
          folded.push(...nodes);
          continue;
        }
        for (const node of nodes) {
          this.#shown.set(node, size);
          for (const child of node.children) next.push(child);
        }
        left -= size * nodes.length;
      }
      level = next;
    }
    const [first] = folded;
    if (first && this.#maxRows - left < FEW_ROWS) this.#shown.set(first, left);
  }

  /** The rows below a node. @param indent before each of them */
  *#rows(
    node: TopicNode | undefined,
    children: readonly TopicNode[],
    indent: string,
  ): Generator<Row> {
    const isRoot = node === undefined;
    const shown = this.#shown.get(node) ?? 0;
    const rest = children.slice(shown);
    for (const [at, child] of children.slice(0, shown).entries()) {
      const isLast = at === shown - 1 && rest.length === 0;
      const [branch, below] = isRoot ? ["", ""] : isLast ? ["└─ ", "   "] : ["├─ ", "│  "];
      const isFolded = child.children.length > 0 && !this.#shown.get(child);
      if (isFolded && !child.own) {
        this.#hidden += child.all.topics;
        const many = plural(child.all.topics, "topics");
        yield rowOf(`${indent}${branch}${child.label}.*  (${many})`, child.path, child.all);
        continue;
      }
      yield rowOf(`${indent}${branch}${child.label}`, child.path, child.own);
      yield* this.#rows(child, child.children, indent + below);
    }
    if (rest.length === 0) return;
    const counts = countsOf(rest);
    this.#hidden += counts.topics;
    const branch = isRoot ? "" : "└─ ";
    yield rowOf(
      `${indent}${branch}…  (${plural(counts.topics, "topics")})`,
      node?.path ?? "",
      counts,
    );
  }

  /** The branches of the tree dimmed, and the name in its colour. */
  #named(cell: string): string {
    const [, branches = "", name = "", note = ""] =
      /^([│├└─ ]*)(.*?)( {2}\(.*)?$/s.exec(cell) ?? [];
    const { dim, name: coloured } = this.#style;
    return dim(branches) + coloured(name) + dim(note);
  }
}

/** Shows the whole tree. */
export class WholeTopicTree extends TopicTree {
  constructor(style: Style) {
    super(style, Infinity);
  }
}

/** @param counts undefined where no frame has just this name */
function rowOf(tree: string, path: string, counts: Omit<Counts, "topics"> | undefined): Row {
  const isDim = `${path}.`.startsWith(RUNTIME_PREFIX);
  if (!counts) return { cells: [tree, "", "", "", ""], isDim };
  const { frames, first, last } = counts;
  const cells = [
    tree,
    frames.toLocaleString("en"),
    agoText(timestampOf(last)),
    new Clock().stamp(timestampOf(first)),
    last,
  ];
  return { cells, isDim };
}
