import { useEffect, useMemo } from "preact/hooks";
import type { Frame } from "../../lib/frame.ts";
import { addShortcuts } from "../../lib/keyboard.ts";
import { go, place } from "../../lib/place.ts";
import { EmptyNotice, ProblemNotice } from "../../parts/notice.tsx";
import { FrameList } from "./frame-list.tsx";
import { FrameWindow } from "./frame-window.ts";
import { Histogram } from "./histogram.tsx";
import { LiveTail } from "./live-tail.ts";
import { LogSource, type Selection } from "./source.ts";
import { StreamTools } from "./stream-tools.tsx";

/** How many rows a page of the keyboard is. */
const PAGE = 20;

interface StreamProps {
  readonly selection: Selection;
  readonly chosen: string | undefined;
}

/** The frames of one selection: live at their end, or anywhere in the log. */
export function Stream({ selection, chosen }: StreamProps) {
  const { source, window, tail } = useMemo(() => {
    const source = new LogSource(selection);
    const window = new FrameWindow(source);
    // Nothing comes after a bound.
    const tail = selection.until === "" ? new LiveTail(source, window) : undefined;
    return { source, window, tail };
  }, []);
  useEffect(() => {
    const at = place.peek().get("at");
    if (at) {
      tail?.pause();
      void window.toTime(Date.parse(at));
    } else if (tail) void tail.ready.then(() => window.toEnd());
    else void window.toEnd();
    return () => {
      tail?.close();
      window.close();
    };
  }, []);

  const choose = ({ id }: Frame, how: "push" | "replace" = "push") => go({ frame: id }, how);
  const step = (by: number) => {
    const { frames } = window.shown.peek();
    const at = frames.findIndex(({ id }) => id === place.peek().get("frame"));
    const to = at < 0 ? frames.length - 1 : Math.min(Math.max(at + by, 0), frames.length - 1);
    const frame = frames[to];
    if (!frame) return;
    tail?.pause();
    choose(frame, at < 0 ? "push" : "replace");
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
        { keys: [" "], does: "pause, or go on", run: () => toggle() },
        { keys: ["Escape"], does: "close the frame", run: () => go({ frame: undefined }) },
      ]),
    [],
  );
  const toStart = async () => {
    tail?.pause();
    await window.toStart();
  };
  const toEnd = async () => {
    go({ at: undefined }, "replace");
    await (tail ? tail.resume() : window.toEnd());
  };
  const goTo = (ms: number) => {
    tail?.pause();
    go({ at: new Date(ms).toISOString() });
    void window.toTime(ms);
  };
  const select = (since: number, until: number) =>
    go({
      since: new Date(since).toISOString(),
      until: new Date(until).toISOString(),
      at: undefined,
    });
  const toggle = () => {
    if (!tail) return;
    if (tail.isPaused.peek()) void toEnd();
    else tail.pause();
  };

  const { frames } = window.shown.value;
  const sticks = tail !== undefined && !tail.isPaused.value;
  return (
    <section class="stream" aria-label="Stream">
      <StreamTools selection={selection} tail={tail} toEnd={toEnd} />
      <Histogram source={source} select={select} goTo={goTo} />
      {window.error.value !== undefined && (
        <ProblemNotice error={window.error.value} again={() => void window.toEnd()} />
      )}
      {frames.length === 0 && !window.isLoading.value && window.error.value === undefined ? (
        <NoFrames selection={selection} />
      ) : (
        <FrameList
          window={window}
          chosen={chosen}
          choose={choose}
          sticks={sticks}
          onEnd={(isAtEnd) => {
            if (!isAtEnd) tail?.pause();
          }}
        />
      )}
    </section>
  );
}

function NoFrames({ selection: { topic, since, until } }: { selection: Selection }) {
  const isAll = topic === "" && since === "" && until === "";
  return isAll ? (
    <EmptyNotice title="No events yet">
      <p>
        Record one in a terminal: <code>xs append note 'hello'</code>. It appears here at once.
      </p>
    </EmptyNotice>
  ) : (
    <EmptyNotice title="No event is selected">
      <p>What you chose above selects nothing so far.</p>
    </EmptyNotice>
  );
}
