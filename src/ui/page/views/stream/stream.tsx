import { useEffect, useMemo, useRef } from "preact/hooks";
import { storeOption } from "../../lib/about.ts";
import { focusPane } from "../../lib/focus.ts";
import type { Frame } from "../../lib/frame.ts";
import { addShortcuts } from "../../lib/keyboard.ts";
import { liveState } from "../../lib/live.ts";
import { nearest } from "../../lib/nearest.ts";
import { go, place } from "../../lib/place.ts";
import { EmptyNotice, ProblemNotice } from "../../parts/notice.tsx";
import { noteRefusal } from "./field-problem.ts";
import { FrameList } from "./frame-list.tsx";
import { FrameWindow } from "./frame-window.ts";
import { placeOf } from "./frames.ts";
import { Histogram } from "./histogram.tsx";
import { LiveTail } from "./live-tail.ts";
import type { Selection } from "./selection.ts";
import { LogSource } from "./source.ts";
import { Strip } from "./strip.tsx";

/** How many rows a page of the keyboard is. */
const PAGE = 20;
/** The place is put into the address once the person rests there, in ms. */
const REST_MS = 300;

interface StreamProps {
  readonly selection: Selection;
  readonly chosen: string | undefined;
}

/** The frames of one selection: live at their end, or anywhere in the log. */
export function Stream({ selection, chosen }: StreamProps) {
  const { source, window, tail } = useMemo(() => {
    const source = new LogSource(selection);
    const window = new FrameWindow(source);
    const tail = source.isOver ? undefined : new LiveTail(source, window);
    if (!tail) window.pause();
    return { source, window, tail };
  }, []);
  /** The place in the address, as far as this part of the page knows. */
  const known = useRef<string | null>(null);
  /** Goes where the person went last: a read that the end of a server took along is asked for again. */
  const goAgain = useRef<() => Promise<void>>(() => show(known.current));
  const resting = useRef<ReturnType<typeof setTimeout>>(undefined);
  const top = useRef(0);
  /** The row where the person is: it stays when they close its frame. */
  const here = useRef(chosen);
  if (chosen !== undefined) here.current = chosen;

  const stay = (at: string | undefined, how: "push" | "replace") => {
    clearTimeout(resting.current);
    known.current = at ?? null;
    goAgain.current = () => show(known.current);
    go({ at }, how);
  };
  const show = (at: string | null): Promise<void> => {
    clearTimeout(resting.current);
    known.current = at;
    goAgain.current = () => show(at);
    if (at === null) return tail ? window.resume() : window.toEnd();
    window.pause();
    if (/^[0-9a-z]{25}$/.test(at)) return window.toFrame(at);
    const ms = Date.parse(at);
    return Number.isNaN(ms) ? window.toEnd() : window.toTime(ms);
  };
  const rest = (row: number) => {
    top.current = row;
    clearTimeout(resting.current);
    if (window.isFollowing.peek()) return;
    resting.current = setTimeout(() => {
      const frame = window.shown.peek().frames[top.current];
      if (window.isFollowing.peek()) return;
      if (window.isLoading.peek()) rest(top.current);
      else if (frame) stay(frame.id, "replace");
    }, REST_MS);
  };

  const at = place.value.get("at");
  const isFirst = useRef(true);
  useEffect(() => {
    const wasFirst = isFirst.current;
    isFirst.current = false;
    if (!wasFirst && at === known.current) return;
    known.current = at;
    if (at !== null) window.pause();
    if (tail && wasFirst) void tail.ready.then(() => show(known.current));
    else void show(at);
  }, [at]);
  useEffect(
    () => () => {
      clearTimeout(resting.current);
      tail?.close();
      window.close();
    },
    [],
  );
  // Without a connection the empty list shows the failure; with a new connection it reads again.
  const live = liveState.value;
  useEffect(() => {
    const isEmpty = window.shown.peek().frames.length === 0;
    const isOff = live === "away" || live === "refused" || live === "full";
    if (tail && isOff && isEmpty && window.isLoading.peek()) void goAgain.current();
    if (tail && live === "live" && window.error.peek() !== undefined) void goAgain.current();
  }, [live]);

  const choose = ({ id }: Frame, how: "push" | "replace" = "push") => go({ frame: id }, how);
  const step = (by: number) => {
    const { frames } = window.shown.peek();
    const open = place.peek().get("frame");
    const isFollowing = window.isFollowing.peek();
    const id = open ?? (isFollowing ? undefined : here.current);
    const at = id === undefined ? -1 : placeOf(frames, id);
    const isInside = at >= 0 && frames[at]?.id === id;
    const begin = isFollowing ? frames.length : top.current;
    const frame = nearest(frames, isInside ? at + by : begin);
    if (!frame) return;
    window.pause();
    choose(frame, open === null ? "push" : "replace");
  };
  const enter = () => {
    if (place.peek().has("frame")) focusPane();
    else step(0);
  };
  const toStart = (): Promise<void> => {
    window.pause();
    goAgain.current = toStart;
    return window.toStart();
  };
  const toEnd = async () => {
    stay(undefined, known.current === null ? "replace" : "push");
    await show(null);
  };
  const goTo = (ms: number) => {
    const moment = new Date(ms).toISOString();
    stay(moment, "push");
    void show(moment);
  };
  const select = (since: number, until: number) => {
    // A time that a person can read, where that changes little.
    const unit = until - since > 60_000 ? 1000 : 1;
    go({
      since: new Date(Math.floor(since / unit) * unit).toISOString(),
      until: new Date(Math.ceil(until / unit) * unit).toISOString(),
      at: undefined,
    });
  };
  const toggle = () => {
    if (!window.isFollowing.peek()) void toEnd();
    else pause();
  };
  const pause = () => {
    window.pause();
    rest(top.current);
  };
  useEffect(
    () =>
      addShortcuts([
        { keys: ["ArrowDown", "j"], does: "the next frame", run: () => step(1) },
        { keys: ["ArrowUp", "k"], does: "the frame before", run: () => step(-1) },
        { keys: ["PageDown"], does: `${PAGE} frames on`, run: () => step(PAGE) },
        { keys: ["PageUp"], does: `${PAGE} frames back`, run: () => step(-PAGE) },
        { keys: ["Home", "g"], does: "the oldest frame", run: () => void toStart() },
        { keys: ["End", "G"], does: "the newest frame, live", run: () => void toEnd() },
        { keys: ["Enter"], does: "open the frame, or go to what is open", run: enter },
        { keys: [" "], does: "pause, or go on", run: () => toggle() },
        {
          keys: ["Escape"],
          does: "close the frame, or the topics",
          run: () => go({ frame: undefined, pane: undefined }),
        },
      ]),
    [],
  );

  const { frames } = window.shown.value;
  const isFollowing = window.isFollowing.value;
  const isEmpty = frames.length === 0 && !window.isLoading.value;
  const isFound = chosen === undefined || frames[placeOf(frames, chosen)]?.id === chosen;
  const error = window.error.value;
  useEffect(() => noteRefusal(error, "", selection.topic), [error]);
  return (
    <>
      <Histogram source={source} select={select} goTo={goTo} />
      <Strip
        selection={selection}
        isFollowing={isFollowing}
        canFollow={tail !== undefined}
        waiting={window.waiting.value}
        toggle={toggle}
        toStart={() => void toStart()}
        toEnd={() => void toEnd()}
        find={isFound ? undefined : () => goToFrame(chosen)}
      />
      {error !== undefined && (
        <ProblemNotice error={error} again={() => void show(known.current)} />
      )}
      {isEmpty && error === undefined && <NoFrames selection={selection} />}
      {!isEmpty && (
        <FrameList
          window={window}
          chosen={chosen}
          here={isFollowing ? chosen : here.current}
          choose={choose}
          sticks={isFollowing}
          onTop={rest}
          onEnd={(isAtEnd) => {
            const isNewest = isAtEnd && window.shown.peek().atEnd;
            if (!isAtEnd) pause();
            else if (isNewest && tail && !window.isFollowing.peek()) void toEnd();
          }}
        />
      )}
    </>
  );

  function goToFrame(id: string): void {
    stay(id, "push");
    window.pause();
    void window.toFrame(id, "middle");
  }
}

function NoFrames({ selection: { topic, since, until } }: { selection: Selection }) {
  const isAll = topic === "" && since === "" && until === "";
  return isAll ? (
    <EmptyNotice title="No events yet">
      <p>
        Record one in a terminal: <code>{`xs append ${storeOption()} note 'hello'`}</code>. It
        appears here at once.
      </p>
    </EmptyNotice>
  ) : (
    <EmptyNotice title="No event is selected">
      <p>What you chose above selects nothing so far.</p>
      <button
        type="button"
        onClick={() => go({ topic: undefined, since: undefined, until: undefined, at: undefined })}
      >
        Select all
      </button>
    </EmptyNotice>
  );
}
