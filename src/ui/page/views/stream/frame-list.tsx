import { useEffect, useMemo, useRef } from "preact/hooks";
import { day } from "../../lib/format.ts";
import { type Frame, timeOf } from "../../lib/frame.ts";
import { type RowKeys, VirtualRows } from "../../parts/virtual-rows.tsx";
import { FrameRow } from "./frame-row.tsx";
import type { FrameWindow } from "./frame-window.ts";
import { placeOf } from "./frames.ts";
import { Previews } from "./previews.ts";

/** How near to an end of the window more frames are brought, in rows. */
const NEAR = 60;
/** The rows that rest are compared with the log this often, in ms: frames may have been removed. */
const CHECK_MS = 4000;

interface FrameListProps {
  readonly window: FrameWindow;
  /** The id of the chosen frame. */
  readonly chosen: string | undefined;
  /** The id of the frame on whose row the person is, also when it is closed. */
  readonly here: string | undefined;
  readonly choose: (frame: Frame) => void;
  /** The end stays visible while frames come. */
  readonly sticks: boolean;
  /** The first visible row is another one. */
  readonly onTop: (row: number) => void;
  /** The person went up, or came to the end. */
  readonly onEnd: (isAtEnd: boolean) => void;
}

/** The rows of a stream. */
export function FrameList(props: FrameListProps) {
  const { window, chosen, here, choose, sticks, onTop, onEnd } = props;
  const previews = useMemo(() => new Previews(), []);
  const head = useRef<HTMLSpanElement>(null);
  const range = useRef({ first: "", last: "" });
  useEffect(() => () => previews.close(), []);
  useEffect(() => everyRest(range, (first, last) => void window.check(first, last)), []);
  // A frame that was removed where it was shown is gone from the list at once.
  useEffect(() => {
    const { first, last } = range.current;
    if (first !== "") void window.check(first, last);
  }, [chosen]);
  const { frames, atEnd, goal } = window.shown.value;
  const keys: RowKeys = {
    keyAt: (at) => frames[at]?.id,
    placeOf: (id) => placeOf(frames, id),
  };
  // Rows show what arrived.
  void previews.arrived.value;
  const hereAt = here === undefined ? -1 : placeOf(frames, here);
  return (
    <>
      <div class="row row-head" aria-hidden="true">
        <span class="row-time" ref={head} />
        <span class="row-topic">topic</span>
        <span class="row-text">content, or meta</span>
        <span class="row-size">size</span>
      </div>
      <VirtualRows
        label="Frames"
        count={frames.length}
        keys={keys}
        goal={goal}
        sticks={sticks && atEnd}
        chosen={frames[hereAt]?.id === here ? hereAt : -1}
        chosenId={here && `frame-${here}`}
        isBusy={window.isLoading.value}
        onTop={(at) => {
          const frame = frames[Math.min(at, frames.length - 1)];
          if (head.current && frame) head.current.textContent = day(timeOf(frame.id));
          onTop(at);
        }}
        onEnd={onEnd}
        onRange={(first, last) => {
          const visible = frames.slice(first, last);
          range.current = { first: visible[0]?.id ?? "", last: visible.at(-1)?.id ?? "" };
          previews.want(visible);
          if (first < NEAR) void window.older();
          if (last > frames.length - NEAR) void window.newer();
        }}
        row={(at) => {
          const frame = frames[at];
          return (
            frame && (
              <FrameRow
                key={frame.id}
                frame={frame}
                before={frames[at - 1]}
                preview={previews.get(frame.id)}
                isChosen={frame.id === chosen}
                choose={choose}
              />
            )
          );
        }}
      />
    </>
  );
}

/** Calls with the rows in the page when they have been the same for a while, and again. */
function everyRest(
  range: { readonly current: { first: string; last: string } },
  call: (first: string, last: string) => void,
): () => void {
  let before = range.current;
  const timer = setInterval(() => {
    const now = range.current;
    const rests = now.first === before.first && now.last === before.last && now.first !== "";
    before = now;
    if (rests && !document.hidden) call(now.first, now.last);
  }, CHECK_MS);
  return () => clearInterval(timer);
}
