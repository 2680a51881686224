import { useEffect, useMemo, useState } from "preact/hooks";
import { ask } from "../../lib/ask.ts";
import { count, dayAndClock, duration } from "../../lib/format.ts";
import { isOfRuntime, timeOf } from "../../lib/frame.ts";
import { jsonLines } from "../../lib/lines.ts";
import { nearest } from "../../lib/nearest.ts";
import { go, hrefOf } from "../../lib/place.ts";
import { useRefreshed } from "../../lib/use-refreshed.ts";
import { useRounds } from "../../lib/use-rounds.ts";
import { Link } from "../../parts/link.tsx";
import { EmptyNotice, ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import { VirtualRows } from "../../parts/virtual-rows.tsx";
import { Sparkline } from "./sparkline.tsx";
import { Sparks } from "./sparks.ts";
import {
  keyOf,
  namesAbove,
  type TopicNode,
  type TopicRow,
  type TreeRow,
  topicTree,
  visibleRows,
} from "./topic-tree.ts";

/** The counts are asked for again when frames came, not more often than this, in ms. */
const AGAIN_MS = 2000;
/** Ages are shown anew this often, in ms. */
const AGE_MS = 10_000;
/** A tree with more topics begins folded. */
const MAX_OPEN = 60;
/** Where there are more, a field finds one. */
const MANY = 12;

/** The topics of the store, as a tree: a click selects one in the stream. @param chosen the pattern in the address */
export function Topics({ chosen }: { chosen: string }) {
  const { value: rows, error } = useRefreshed(
    async (signal) => jsonLines<TopicRow>(await ask("/-/topics", { signal })),
    AGAIN_MS,
    [],
  );
  const sparks = useMemo(() => new Sparks(), []);
  useEffect(() => () => sparks.close(), []);
  const [find, setFind] = useState("");
  const [isRuntimeShown, showRuntime] = useState(false);
  const own = useMemo(
    () => (rows ?? []).filter((row) => isRuntimeShown || !isOfRuntime(row)),
    [rows, isRuntimeShown],
  );
  const found = useMemo(() => {
    const text = find.trim().toLowerCase();
    return text === "" ? own : own.filter(({ topic }) => topic.toLowerCase().includes(text));
  }, [own, find]);
  const tree = useMemo(() => topicTree(found), [found]);
  const { isOpen, turn } = useOpen(chosen, own.length <= MAX_OPEN, find !== "");
  const all = useMemo(() => visibleRows(tree, isOpen), [tree, isOpen]);
  useRounds(AGE_MS);
  const runtime = (rows?.length ?? 0) - own.length;
  return (
    <nav class="topics" aria-label="Topics">
      {error !== undefined && <ProblemNotice error={error} />}
      <Link
        class="topic topic-all"
        href={hrefOf({ topic: undefined, at: undefined, pane: undefined })}
        aria-current={chosen === "" ? "true" : undefined}
      >
        <span class="topic-name">All topics</span>
        <span class="topic-count">
          {rows && count(own.reduce((sum, { frames }) => sum + frames, 0))}
        </span>
      </Link>
      {(own.length > MANY || find !== "") && (
        <input
          type="search"
          class="topics-find"
          aria-label="Find a topic"
          placeholder={`Find one of ${count(own.length)} topics`}
          value={find}
          onInput={(event) => setFind(event.currentTarget.value)}
        />
      )}
      {all.length > 0 && (
        <TopicList rows={all} chosen={chosen} isOpen={isOpen} turn={turn} sparks={sparks} />
      )}
      {rows !== undefined && all.length === 0 && (
        <EmptyNotice title={find === "" ? "No topics yet" : "No such topic"} />
      )}
      {(runtime > 0 || isRuntimeShown) && (
        <button
          type="button"
          class="quiet dim topics-runtime"
          aria-pressed={isRuntimeShown}
          onClick={() => showRuntime(!isRuntimeShown)}
        >
          {isRuntimeShown ? "Hide the runtime's topics" : `Show ${count(runtime)} of the runtime`}
        </button>
      )}
    </nav>
  );
}

interface TopicListProps {
  readonly rows: readonly TreeRow[];
  readonly chosen: string;
  readonly isOpen: (node: TopicNode) => boolean;
  readonly turn: (node: TopicNode) => void;
  readonly sparks: Sparks;
}

/** The rows of the tree: the list has the focus, and its keys are those of a tree. */
function TopicList({ rows, chosen, isOpen, turn, sparks }: TopicListProps) {
  const [active, setActive] = useState<string>();
  const chosenAt = rows.findIndex(({ node }) => node.pattern === chosen);
  const activeAt = rows.findIndex(({ node }) => keyOf(node) === active);
  const at = activeAt >= 0 ? activeAt : Math.max(0, chosenAt);
  const goTo = (to: number) => {
    const row = nearest(rows, to);
    if (row) setActive(keyOf(row.node));
  };
  // Rows show what arrived.
  void sparks.arrived.value;
  return (
    <VirtualRows
      role="tree"
      label="Topics"
      count={rows.length}
      chosen={at}
      chosenId={`topic-${at}`}
      onRange={(first, last) =>
        sparks.want(rows.slice(first, last).map(({ node }) => node.pattern))
      }
      onKeyDown={(event) => {
        const row = rows[at];
        if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
        if (!actOnKey(event.key, { rows, at, row, isOpen, turn, goTo })) return;
        event.preventDefault();
      }}
      row={(each) => {
        const row = rows[each];
        return (
          row && (
            <Topic
              key={keyOf(row.node)}
              id={`topic-${each}`}
              row={row}
              isActive={each === at}
              isChosen={row.node.pattern === chosen}
              isOpen={isOpen(row.node)}
              turn={() => {
                setActive(keyOf(row.node));
                turn(row.node);
              }}
              counts={sparks.get(row.node.pattern)}
            />
          )
        );
      }}
    />
  );
}

interface Action {
  readonly rows: readonly TreeRow[];
  readonly at: number;
  readonly row: TreeRow;
  readonly isOpen: (node: TopicNode) => boolean;
  readonly turn: (node: TopicNode) => void;
  readonly goTo: (at: number) => void;
}

/** Does what a key does in a tree. @returns false for a key that does nothing here */
function actOnKey(key: string, { rows, at, row, isOpen, turn, goTo }: Action): boolean {
  const { node, level } = row;
  const hasChildren = node.children.length > 0;
  switch (key) {
    case "ArrowDown":
      goTo(at + 1);
      return true;
    case "ArrowUp":
      goTo(at - 1);
      return true;
    case "PageDown":
      goTo(at + 10);
      return true;
    case "PageUp":
      goTo(at - 10);
      return true;
    case "Home":
      goTo(0);
      return true;
    case "End":
      goTo(rows.length - 1);
      return true;
    case "ArrowRight":
      if (hasChildren && !isOpen(node)) turn(node);
      else if (hasChildren) goTo(at + 1);
      return true;
    case "ArrowLeft":
      if (hasChildren && isOpen(node)) turn(node);
      else goTo(rows.findLastIndex((other, place) => place < at && other.level < level));
      return true;
    case "Enter":
    case " ":
      go({ topic: node.pattern, at: undefined, pane: undefined });
      return true;
    default:
      return false;
  }
}

interface TopicProps {
  readonly id: string;
  readonly row: TreeRow;
  readonly isActive: boolean;
  readonly isChosen: boolean;
  readonly isOpen: boolean;
  readonly turn: () => void;
  /** Of the last hour, over time. */
  readonly counts: readonly number[] | undefined;
}

function Topic({ id, row, isActive, isChosen, isOpen, turn, counts }: TopicProps) {
  const { node, level, place, of } = row;
  const hasChildren = node.children.length > 0;
  const newest = timeOf(node.last);
  const age = duration(Math.max(0, Date.now() - newest));
  const marks = [isOfRuntime({ topic: node.name }) && "is-runtime", isActive && "is-active"];
  return (
    <Link
      id={id}
      role="treeitem"
      tabIndex={-1}
      class={["topic", ...marks.filter((mark) => mark !== false)].join(" ")}
      href={hrefOf({ topic: node.pattern, at: undefined, pane: undefined })}
      title={`${node.name}, the newest ${dayAndClock(newest)}`}
      aria-level={level}
      aria-posinset={place}
      aria-setsize={of}
      aria-expanded={hasChildren ? isOpen : undefined}
      aria-selected={isChosen}
      style={{ paddingLeft: `${(Math.min(level, 8) - 1) * 14}px` }}
    >
      <span
        class="topic-turn"
        aria-hidden="true"
        onClick={(event) => {
          if (!hasChildren) return;
          event.preventDefault();
          event.stopPropagation();
          turn();
        }}
      >
        {hasChildren ? (isOpen ? "▾" : "▸") : ""}
      </span>
      <span class="topic-name">
        <Text value={node.label} max={255} />
      </span>
      <Sparkline counts={counts} />
      <span class="topic-age">
        {age}
        <span class="unseen"> ago, </span>
      </span>
      <span class="topic-count">
        {count(node.frames)}
        <span class="unseen"> frames</span>
      </span>
    </Link>
  );
}

/** Which nodes are open: a person turns them, and what is chosen can be seen. */
function useOpen(chosen: string, opensAll: boolean, isFinding: boolean) {
  const [turned, setTurned] = useState<ReadonlyMap<string, boolean>>(new Map());
  useEffect(() => {
    const above = namesAbove(chosen);
    if (above.length === 0) return;
    setTurned((before) => new Map([...before, ...above.map((name) => [name, true] as const)]));
  }, [chosen]);
  return useMemo(() => {
    const isOpen = ({ name }: TopicNode) => turned.get(name) ?? (isFinding || opensAll);
    const turn = (node: TopicNode) =>
      setTurned((before) => new Map(before).set(node.name, !isOpen(node)));
    return { isOpen, turn };
  }, [turned, opensAll, isFinding]);
}
