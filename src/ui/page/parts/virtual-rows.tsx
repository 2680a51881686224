import { useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

/** The height of a row in px, as the style has it. */
const ROW = 28;
/** How many rows beyond the visible ones are in the page. */
const BEYOND = 8;

interface VirtualRowsProps {
  readonly label: string;
  readonly count: number;
  /** A row by its place, with a key of its own. */
  readonly row: (at: number) => ComponentChildren;
  /** The place of the chosen row, which stays visible where it changes; -1 for none. */
  readonly chosen: number;
  /** The id of the element of that row. */
  readonly chosenId?: string | undefined;
  /** The number of the first row: where rows come or go before it, those that are visible stay where they are. */
  readonly base?: number;
  /** The end stays visible while rows come. */
  readonly sticks?: boolean;
  readonly isBusy?: boolean;
  /** Hears which rows are in the page. */
  readonly onRange?: (first: number, last: number) => void;
  /** Hears whether the end is visible, as the person scrolls. */
  readonly onEnd?: (isAtEnd: boolean) => void;
}

/** A list of any length: only the rows that are visible are in the page. */
export function VirtualRows(props: VirtualRowsProps) {
  const { label, count, row, chosen, chosenId, base = 0, sticks = false, isBusy, onRange } = props;
  const list = useRef<HTMLDivElement>(null);
  const baseBefore = useRef(base);
  const top = useSignal(0);
  const height = useSignal(0);
  const firstRow = useComputed(() => Math.max(0, Math.floor(top.value / ROW) - BEYOND));
  const lastRow = useComputed(() => Math.ceil((top.value + height.value) / ROW) + BEYOND);
  const first = Math.min(firstRow.value, count);
  const last = Math.min(lastRow.value, count);

  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    const measure = () => {
      height.value = element.clientHeight;
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    if (sticks) element.scrollTop = element.scrollHeight;
    else if (base !== baseBefore.current) element.scrollTop -= (base - baseBefore.current) * ROW;
    baseBefore.current = base;
    top.value = element.scrollTop;
  }, [base, count, sticks, height.value]);

  useLayoutEffect(() => {
    const element = list.current;
    if (!element || chosen < 0) return;
    if (chosen * ROW < element.scrollTop) element.scrollTop = chosen * ROW;
    else if ((chosen + 1) * ROW > element.scrollTop + element.clientHeight) {
      element.scrollTop = (chosen + 1) * ROW - element.clientHeight;
    }
  }, [chosenId]);

  useEffect(() => onRange?.(first, last), [first, last, base, count]);

  return (
    <div
      ref={list}
      class="rows"
      role="listbox"
      tabIndex={0}
      aria-label={label}
      aria-busy={isBusy}
      aria-activedescendant={chosen >= first && chosen < last ? chosenId : undefined}
      onScroll={(event) => {
        const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
        top.value = scrollTop;
        props.onEnd?.(scrollTop + clientHeight >= scrollHeight - ROW / 2);
      }}
    >
      <div class="rows-all" style={{ height: `${count * ROW}px` }}>
        <div style={{ transform: `translateY(${first * ROW}px)` }}>
          {Array.from({ length: last - first }, (_, at) => row(first + at))}
        </div>
      </div>
    </div>
  );
}
