import { useEffect, useRef, useState } from "preact/hooks";
import { isAbort, isPassing, Problem } from "../../lib/ask.ts";
import { clock, count, duration } from "../../lib/format.ts";
import { type Frame, isOfRuntime, timeOf } from "../../lib/frame.ts";
import { heard } from "../../lib/heard.ts";
import { liveState } from "../../lib/live.ts";
import { hrefOf } from "../../lib/place.ts";
import { Link } from "../../parts/link.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import { NONE, PART, type RelatedList, readRelated } from "./relations.ts";
import { type Turned, type WalkRow, walkRows } from "./walk-rows.ts";

/** Effects are asked for again when frames came, not more often than this, in ms. */
const AGAIN_MS = 3000;
/** How far a level is indented, in px, and how many levels are. */
const INDENT = 14;
const INDENTED = 12;

/** The person came to this frame by a key of the tree: the tree of this frame takes the focus. */
let hasKeys = false;

interface WalkProps {
  readonly frame: Frame;
  /** What it names in its meta, with the member that does it. */
  readonly names: ReadonlyMap<string, string>;
}

/** What a frame came of and what came of it, as a tree that one walks: by a click, or by the keys of a tree. */
export function Walk({ frame, names }: WalkProps) {
  const causes = useRelated(frame.id, "causes");
  const effects = useRelated(frame.id, "effects");
  const [turned, setTurned] = useState<Turned>({ folded: new Set(), wide: new Set() });
  const [at, setAt] = useState<string>();
  const tree = useRef<HTMLDivElement>(null);
  const isThere = causes.list !== undefined && effects.list !== undefined;
  useEffect(() => {
    if (!isThere || !hasKeys) return;
    hasKeys = false;
    tree.current?.querySelector<HTMLElement>("[aria-current]")?.focus();
  }, [isThere]);
  const error = causes.error ?? effects.error;
  if (!causes.list || !effects.list) {
    return error === undefined ? <p class="dim">reading…</p> : <ProblemNotice error={error} />;
  }
  const around = { id: frame.id, names, causes: causes.list.all, effects: effects.list.all };
  const frames = new Map(
    [...around.causes, ...around.effects].map((each) => [each.frame.id, each.frame]),
  );
  frames.set(frame.id, frame);
  const rows = walkRows(around, turned);
  const keyOf = (row: WalkRow) => `${row.kind}-${row.id}`;
  const fold = (id: string, isFolded: boolean) => {
    const folded = new Set(turned.folded);
    if (isFolded) folded.add(id);
    else folded.delete(id);
    setTurned({ ...turned, folded });
  };
  const widen = (id: string) => setTurned({ ...turned, wide: new Set(turned.wide).add(id) });
  const focused = rows.findIndex((row) => keyOf(row) === at);
  const self = rows.findIndex(({ kind }) => kind === "self");
  const onKeyDown = (event: KeyboardEvent) => {
    const now = focused < 0 ? self : focused;
    const row = rows[now];
    const to = row && keyDoes(event.key, rows, now);
    if (to === undefined || !row) {
      if (event.key === "Enter") hasKeys = true;
      return;
    }
    event.preventDefault();
    if (to === "fold" || to === "unfold") fold(row.id, to === "fold");
    else tree.current?.querySelectorAll<HTMLElement>('[role="treeitem"]')[to]?.focus();
  };
  if (rows.length === 1) {
    return <p class="dim">It names no other frame in its meta, and no other names it.</p>;
  }
  return (
    <>
      {error !== undefined && <ProblemNotice error={error} />}
      {causes.list.hasMore && (
        <button type="button" class="quiet" onClick={causes.more}>
          Show farther causes
        </button>
      )}
      <div
        ref={tree}
        class="walk"
        role="tree"
        aria-label="Causes and effects"
        onKeyDown={onKeyDown}
      >
        {rows.map((row, index) => {
          const shared = {
            role: "treeitem",
            class: `walk-row walk-${row.kind}`,
            style: { paddingLeft: `${Math.min(row.level - 1, INDENTED) * INDENT + 8}px` },
            tabIndex: index === (focused < 0 ? self : focused) ? 0 : -1,
            "aria-level": row.level,
            onFocus: () => setAt(keyOf(row)),
          } as const;
          if (row.kind === "rest") {
            return (
              <button key={keyOf(row)} type="button" {...shared} onClick={() => widen(row.id)}>
                {count(row.count)} more
              </button>
            );
          }
          const each = frames.get(row.id);
          return (
            each && (
              <Link
                key={keyOf(row)}
                {...shared}
                href={hrefOf({ frame: row.id })}
                aria-expanded={row.isOpen}
                aria-current={row.kind === "self" ? "true" : undefined}
              >
                <Arrow row={row} turn={() => fold(row.id, row.isOpen === true)} />
                <Row row={row} frame={each} self={frame} />
              </Link>
            )
          );
        })}
      </div>
      {effects.list.hasMore && (
        <button type="button" class="quiet" onClick={effects.more}>
          Show more effects
        </button>
      )}
    </>
  );
}

/** Turns what is below a row; for the mouse, since keys have the arrows. */
function Arrow({ row, turn }: { row: WalkRow; turn: () => void }) {
  if (row.kind === "rest" || row.isOpen === undefined) return <span class="walk-arrow" />;
  return (
    <span
      class="walk-arrow"
      aria-hidden="true"
      onClick={(event) => {
        event.preventDefault();
        event.stopPropagation();
        turn();
      }}
    >
      {row.isOpen ? "▾" : "▸"}
    </span>
  );
}

function Row({ row, frame, self }: { row: WalkRow; frame: Frame; self: Frame }) {
  return (
    <>
      <span class={isOfRuntime(frame) ? "walk-topic dim" : "walk-topic"}>
        <Text value={frame.topic} />
      </span>
      {row.kind === "self" ? (
        <span class="dim">this frame</span>
      ) : (
        <span class="dim walk-by">{row.kind !== "rest" && row.by}</span>
      )}
      <span class="dim walk-time" title={clock(timeOf(frame.id))}>
        {row.kind === "self" ? clock(timeOf(frame.id)) : apart(self, frame)}
      </span>
    </>
  );
}

function apart(one: Frame, other: Frame): string {
  const ms = timeOf(other.id) - timeOf(one.id);
  return `${ms < 0 ? "−" : "+"}${duration(Math.abs(ms))}`;
}

/** The place to which a key of a tree goes, or whether it folds; undefined for other keys. */
function keyDoes(
  key: string,
  rows: readonly WalkRow[],
  at: number,
): number | "fold" | "unfold" | undefined {
  const row = rows[at];
  if (!row) return undefined;
  const isOpen = row.kind === "rest" ? undefined : row.isOpen;
  switch (key) {
    case "ArrowDown":
      return Math.min(at + 1, rows.length - 1);
    case "ArrowUp":
      return Math.max(at - 1, 0);
    case "Home":
      return 0;
    case "End":
      return rows.length - 1;
    case "ArrowRight":
      return isOpen === false ? "unfold" : Math.min(at + 1, rows.length - 1);
    case "ArrowLeft": {
      if (isOpen === true && row.kind !== "cause") return "fold";
      const above = rows.findLastIndex(({ level }, each) => each < at && level < row.level);
      return Math.max(above, 0);
    }
    default:
      return undefined;
  }
}

interface Asked {
  readonly list: RelatedList | undefined;
  readonly error: unknown;
  more(): void;
}

/** What is related to a frame; effects are asked for again while frames come. */
function useRelated(id: string, which: "causes" | "effects"): Asked {
  const [list, setList] = useState<RelatedList>();
  const [error, setError] = useState<unknown>();
  const ending = useRef<AbortController | undefined>(undefined);
  const asked = useRef(0);
  const load = async (before: RelatedList) => {
    ending.current?.abort();
    const mine = new AbortController();
    ending.current = mine;
    // What is heard from here on may be missing in the answer.
    asked.current = heard.peek();
    try {
      const next = await readRelated(id, which, before, mine.signal);
      if (mine.signal.aborted) return;
      setList(next);
      setError(undefined);
    } catch (problem) {
      if (isAbort(problem) || mine.signal.aborted) return;
      // The last that was read was removed: what is there is read from its begin.
      if (problem instanceof Problem && problem.status === 404 && before !== NONE) await load(NONE);
      else setError(problem);
    }
  };
  useEffect(() => {
    void load(NONE);
    return () => ending.current?.abort();
  }, [id, which]);
  const waits = isPassing(error);
  const isLive = liveState.value === "live";
  useEffect(() => {
    if (waits && isLive) void load(list ?? NONE);
  }, [waits, isLive]);
  // One request reads them again: a new one may be anywhere among them.
  const isShort = list !== undefined && !list.hasMore && list.all.length <= PART;
  useEffect(() => {
    if (which === "causes" || !isShort) return;
    const timer = setInterval(() => {
      if (heard.peek() !== asked.current && !document.hidden) void load(NONE);
    }, AGAIN_MS);
    return () => clearInterval(timer);
  }, [id, which, isShort]);
  return { list, error, more: () => list && void load(list) };
}
