import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Frame } from "../../lib/frame.ts";
import { FrameRow } from "./frame-row.tsx";
import type { FrameWindow } from "./frame-window.ts";
import { Previews } from "./previews.ts";

/** The height of a row in px, as the style has it. */
export const ROW = 28;
/** How many rows beyond the visible ones are in the page, and how near to an end more are brought. */
const BEYOND = 8;
const NEAR = 60;

interface FrameListProps {
  readonly window: FrameWindow;
  /** The id of the chosen frame. */
  readonly chosen: string | undefined;
  readonly choose: (frame: Frame) => void;
  /** The end stays visible while frames come. */
  readonly sticks: boolean;
  /** The person went away from the end, or came back to it. */
  readonly onEnd: (isAtEnd: boolean) => void;
}

/** The rows of a stream. Only those that are visible are in the page. */
export function FrameList({ window, chosen, choose, sticks, onEnd }: FrameListProps) {
  const list = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(0);
  const base = useRef(0);
  const previews = useMemo(() => new Previews(), []);
  useEffect(() => () => previews.close(), []);

  const { frames } = window.shown.value;
  const range = useComputed(() => {
    const first = Math.max(0, Math.floor(top.value / ROW) - BEYOND);
    const last = Math.ceil((top.value + height.value) / ROW) + BEYOND;
    return `${first}-${last}`;
  });
  const [first = 0, last = 0] = range.value.split("-").map(Number);
  const visible = frames.slice(first, last);

  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      height.value = element.clientHeight;
    });
    observer.observe(element);
    height.value = element.clientHeight;
    return () => observer.disconnect();
  }, []);

  // What comes or goes before the visible rows must not move them.
  const now = window.shown.value;
  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    if (sticks && now.atEnd) element.scrollTop = element.scrollHeight;
    else element.scrollTop -= (now.base - base.current) * ROW;
    base.current = now.base;
    top.value = element.scrollTop;
  }, [now, sticks]);

  useEffect(() => {
    previews.want(visible.filter(({ hash }) => hash !== null).map(({ id }) => id));
    if (first < NEAR) void window.older();
    if (last > frames.length - NEAR) void window.newer();
  }, [range.value, now]);

  // The chosen frame is visible, wherever the keys went.
  useLayoutEffect(() => {
    const at = frames.findIndex(({ id }) => id === chosen);
    const element = list.current;
    if (!element || at < 0) return;
    if (at * ROW < element.scrollTop) element.scrollTop = at * ROW;
    else if ((at + 1) * ROW > element.scrollTop + element.clientHeight) {
      element.scrollTop = (at + 1) * ROW - element.clientHeight;
    }
  }, [chosen]);

  void previews.arrived.value;
  return (
    <div
      ref={list}
      class="rows"
      role="listbox"
      tabIndex={0}
      aria-label="Frames"
      aria-busy={window.isLoading.value}
      aria-activedescendant={chosen && `frame-${chosen}`}
      onScroll={(event) => {
        const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
        top.value = scrollTop;
        onEnd(scrollTop + clientHeight >= scrollHeight - ROW / 2);
      }}
    >
      <div class="rows-all" style={{ height: `${frames.length * ROW}px` }}>
        <div style={{ transform: `translateY(${first * ROW}px)` }}>
          {visible.map((frame, at) => (
            <FrameRow
              key={frame.id}
              frame={frame}
              before={frames[first + at - 1]}
              preview={previews.get(frame.id)}
              isChosen={frame.id === chosen}
              choose={choose}
            />
          ))}
        </div>
      </div>
    </div>
  );
}
