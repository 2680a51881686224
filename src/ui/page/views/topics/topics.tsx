import { useEffect, useState } from "preact/hooks";
import { ask, isAbort } from "../../lib/ask.ts";
import { count, duration } from "../../lib/format.ts";
import { isOfRuntime, timeOf } from "../../lib/frame.ts";
import { heard } from "../../lib/heard.ts";
import { jsonLines } from "../../lib/lines.ts";
import { hrefOf } from "../../lib/place.ts";
import { Link } from "../../parts/link.tsx";
import { EmptyNotice, ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import {
  type TopicNode,
  type TopicRow,
  type TreeRow,
  topicTree,
  visibleRows,
} from "./topic-tree.ts";

/** The counts are asked for again when frames came, not more often than this, in ms. */
const AGAIN_MS = 2000;
/** A list that takes long is asked for less often: at most this part of the time. */
const SHARE = 20;
/** A tree with more topics begins folded. */
const MAX_OPEN = 60;

/** The topics of the store, as a tree: a click selects one in the stream. @param chosen the pattern in the address */
export function Topics({ chosen }: { chosen: string }) {
  const { rows, error } = useTopics();
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set());
  const [isRuntimeShown, showRuntime] = useState(false);
  const opensAll = rows.length <= MAX_OPEN;
  const isOpen = ({ name, pattern }: TopicNode) =>
    turned.has(name) !== opensAll || chosen.startsWith(pattern.replace(/\*$/, ""));
  const turn = ({ name }: TopicNode) =>
    setTurned((before) => new Set(before).symmetricDifference(new Set([name])));
  const own = rows.filter((row) => isRuntimeShown || !isOfRuntime(row));
  const tree = visibleRows(topicTree(own), isOpen);
  const runtime = rows.length - own.length;
  return (
    <nav class="topics" aria-label="Topics">
      {error !== undefined && <ProblemNotice error={error} />}
      <Link
        class="topic topic-all"
        href={hrefOf({ topic: undefined, at: undefined })}
        aria-current={chosen === "" ? "true" : undefined}
      >
        <span class="topic-name">All topics</span>
        <span class="topic-count">{count(own.reduce((sum, { frames }) => sum + frames, 0))}</span>
      </Link>
      <ul class="tree">
        {tree.map((row) => (
          <Topic
            key={row.node.name + row.node.pattern}
            row={row}
            chosen={chosen}
            isOpen={isOpen(row.node)}
            turn={turn}
          />
        ))}
      </ul>
      {rows.length === 0 && error === undefined && <EmptyNotice title="No topics yet" />}
      {(runtime > 0 || isRuntimeShown) && (
        <button type="button" class="quiet dim" onClick={() => showRuntime(!isRuntimeShown)}>
          {isRuntimeShown ? "Hide the runtime's topics" : `Show ${runtime} of the runtime`}
        </button>
      )}
    </nav>
  );
}

interface TopicProps {
  readonly row: TreeRow;
  readonly chosen: string;
  readonly isOpen: boolean;
  readonly turn: (node: TopicNode) => void;
}

function Topic({ row: { node, level }, chosen, isOpen, turn }: TopicProps) {
  const hasChildren = node.children.length > 0;
  const age = Date.now() - timeOf(node.last);
  return (
    <li class={isOfRuntime({ topic: node.name }) ? "is-runtime" : undefined}>
      <div class="topic-line" style={{ paddingLeft: `${(level - 1) * 14}px` }}>
        {hasChildren ? (
          <button
            type="button"
            class="quiet topic-turn"
            aria-expanded={isOpen}
            aria-label={`${isOpen ? "Fold" : "Unfold"} ${node.name}`}
            onClick={() => turn(node)}
          >
            {isOpen ? "▾" : "▸"}
          </button>
        ) : (
          <span class="topic-turn" />
        )}
        <Link
          class="topic"
          href={hrefOf({ topic: node.pattern, at: undefined })}
          title={node.name}
          aria-current={chosen === node.pattern ? "true" : undefined}
          onKeyDown={(event) => {
            const turns =
              hasChildren &&
              (event.key === "ArrowRight" ? !isOpen : event.key === "ArrowLeft" && isOpen);
            if (!turns) return;
            event.preventDefault();
            turn(node);
          }}
        >
          <span class="topic-name">
            <Text value={node.label} />
          </span>
          <span class="topic-age" title="the age of the newest">
            {duration(Math.max(0, age))}
          </span>
          <span class="topic-count">{count(node.frames)}</span>
        </Link>
      </div>
    </li>
  );
}

/** The topics, asked for again while frames come. */
function useTopics(): { rows: readonly TopicRow[]; error: unknown } {
  const [state, setState] = useState<{ rows: readonly TopicRow[]; error: unknown }>({
    rows: [],
    error: undefined,
  });
  useEffect(() => {
    const ending = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let seen = -1;
    const load = async () => {
      const started = performance.now();
      if (heard.peek() !== seen && !document.hidden) {
        seen = heard.peek();
        try {
          const rows = await jsonLines<TopicRow>(await ask("/-/topics", { signal: ending.signal }));
          setState({ rows, error: undefined });
        } catch (error) {
          if (!isAbort(error)) setState((before) => ({ ...before, error }));
        }
      }
      if (ending.signal.aborted) return;
      const took = performance.now() - started;
      timer = setTimeout(() => void load(), Math.max(AGAIN_MS, took * SHARE));
    };
    void load();
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, []);
  return state;
}
