import { useEffect, useMemo, useState } from "preact/hooks";
import { clock, count, day, dayAndClock, plural } from "../../lib/format.ts";
import { timeOf } from "../../lib/frame.ts";
import { addShortcuts } from "../../lib/keyboard.ts";
import { nearest } from "../../lib/nearest.ts";
import { go, hrefOf, place } from "../../lib/place.ts";
import { Link } from "../../parts/link.tsx";
import { ListRow } from "../../parts/list-row.tsx";
import { EmptyNotice, ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import { VirtualRows } from "../../parts/virtual-rows.tsx";
import { FrameWindow } from "./frame-window.ts";
import { type Hit, Hits } from "./hits.ts";
import { LiveTail } from "./live-tail.ts";
import type { Selection } from "./selection.ts";
import { piecesOf } from "./snippet.ts";
import { LogSource } from "./source.ts";

/** How many rows a page of the keyboard is, and how near to the end more are asked for. */
const PAGE = 20;
const NEAR = 40;

interface SearchListProps {
  readonly q: string;
  readonly selection: Selection;
  /** The id of the chosen frame. */
  readonly chosen: string | undefined;
}

/** What a search finds, the newest first, with the text around it. */
export function SearchList(props: SearchListProps) {
  const [round, setRound] = useState(0);
  return <Found key={round} {...props} again={() => setRound(round + 1)} />;
}

function Found({ q, selection, chosen, again }: SearchListProps & { again: () => void }) {
  const { hits, came } = useSearch(q, selection);
  const found = hits.hits.value;
  const step = (by: number) => {
    const all = hits.hits.peek();
    const at = all.findIndex(({ id }) => id === place.peek().get("frame"));
    const hit = nearest(all, at < 0 ? 0 : at + by);
    if (hit) go({ frame: hit.id }, at < 0 ? "push" : "replace");
  };
  useEffect(
    () =>
      addShortcuts([
        { keys: ["ArrowDown", "j"], does: "the next hit", run: () => step(1) },
        { keys: ["ArrowUp", "k"], does: "the hit before", run: () => step(-1) },
        { keys: ["PageDown"], does: `${PAGE} hits on`, run: () => step(PAGE) },
        { keys: ["PageUp"], does: `${PAGE} hits back`, run: () => step(-PAGE) },
        {
          keys: ["Escape"],
          does: "close the frame, or the search",
          run: () =>
            go(
              place.peek().has("frame")
                ? { frame: undefined, pane: undefined }
                : { q: undefined, pane: undefined },
            ),
        },
      ]),
    [],
  );
  const isLoading = hits.isLoading.value;
  const error = hits.error.value;
  const isNone = found.length === 0 && !isLoading && error === undefined;
  return (
    <>
      <SearchStrip hits={hits} chosen={chosen} came={came} again={again} />
      {error !== undefined && <ProblemNotice error={error} again={() => void hits.more()} />}
      {isNone && (
        <EmptyNotice title="Nothing found">
          <p>
            A word is found whole: <code>mil*</code> finds those that begin so.
          </p>
        </EmptyNotice>
      )}
      {found.length > 0 && (
        <VirtualRows
          label="Hits"
          count={found.length}
          chosen={found.findIndex(({ id }) => id === chosen)}
          chosenId={chosen && `frame-${chosen}`}
          isBusy={isLoading}
          onRange={(_, last) => {
            if (last > found.length - NEAR) void hits.more();
          }}
          row={(at) => {
            const hit = found[at];
            return hit && <HitRow key={hit.id} hit={hit} isChosen={hit.id === chosen} />;
          }}
        />
      )}
    </>
  );
}

/** The hits, and how many frames of the selection came since they were asked for. */
function useSearch(q: string, selection: Selection) {
  const { hits, window, begin } = useMemo(() => {
    const source = new LogSource(selection);
    const hits = new Hits(source, q);
    // It shows no frames, and counts what comes.
    const window = new FrameWindow(source);
    window.pause();
    const begin = () => (source.isOver ? undefined : new LiveTail(source, window));
    return { hits, window, begin };
  }, []);
  useEffect(() => {
    const tail = begin();
    void hits.more();
    return () => {
      tail?.close();
      hits.close();
    };
  }, []);
  return { hits, came: window.waiting.value };
}

interface SearchStripProps {
  readonly hits: Hits;
  readonly chosen: string | undefined;
  /** How many frames came since. */
  readonly came: number;
  readonly again: () => void;
}

function SearchStrip({ hits, chosen, came, again }: SearchStripProps) {
  const found = hits.hits.value.length;
  const waits = hits.waits.value;
  const isLoading = hits.isLoading.value;
  const more = hits.isAll.value ? "" : hits.isFull ? ": select less to see others" : ", and more";
  return (
    <div class="strip">
      <span role="status" class="strip-range">
        {waits?.percent !== undefined ? (
          <>
            <progress max={100} value={Number.parseFloat(waits.percent)} aria-label="The index" />{" "}
            The index for searching is being made: {waits.percent} %
          </>
        ) : waits ? (
          "Other searches run: waiting…"
        ) : found === 0 && isLoading ? (
          "Searching…"
        ) : (
          (found > 0 || hits.error.value === undefined) && `${plural(found, "event")} found${more}`
        )}
      </span>
      <span class="strip-rest" />
      {chosen && (
        <Link class="button" href={hrefOf({ q: undefined, at: chosen })}>
          Show in the stream
        </Link>
      )}
      {came > 0 && (
        <button type="button" onClick={again}>
          Search again<span class="badge">{count(came)} new</span>
        </button>
      )}
      <Link class="button" href={hrefOf({ q: undefined })}>
        End the search
      </Link>
    </div>
  );
}

function HitRow({ hit, isChosen }: { hit: Hit; isChosen: boolean }) {
  const ms = timeOf(hit.id);
  const isToday = day(ms) === day(Date.now());
  return (
    <ListRow
      id={`frame-${hit.id}`}
      class="row-hit"
      isChosen={isChosen}
      onClick={() => go({ frame: hit.id })}
    >
      <time class="row-time" dateTime={new Date(ms).toISOString()} title={dayAndClock(ms)}>
        <span class={isToday ? "hit-rest" : ""}>{day(ms)} </span>
        <span class={isToday ? "" : "hit-rest"}>{clock(ms).slice(0, -4)}</span>
      </time>
      <span class="row-topic">
        <Text value={hit.topic} max={255} />
      </span>
      <span class="row-text">
        {piecesOf(hit.snippet).map(({ text, isMatch }, at) =>
          isMatch ? (
            <mark key={at}>
              <Text value={text} kept={"\n\t"} />
            </mark>
          ) : (
            <Text key={at} value={text} kept={"\n\t"} />
          ),
        )}
        {hit.snippet.in !== "content" && <span class="dim"> in {hit.snippet.in}</span>}
      </span>
    </ListRow>
  );
}
