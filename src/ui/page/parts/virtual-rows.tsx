import { useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

/** The height of a row in px, as the style has it. */
const ROW = 28;
/** How many rows beyond the visible ones are in the page. */
const BEYOND = 8;

/** Rows that stay where they are while others come and go around them are known by a key. */
export interface RowKeys {
  keyAt(at: number): string | undefined;
  /** The place of a key or, where it is gone, the one that it would have. */
  placeOf(key: string): number;
}

/** A row to which the list goes; each object is gone to once. */
export interface RowGoal {
  readonly key: string;
  readonly where: "top" | "middle";
}

interface VirtualRowsProps {
  readonly label: string;
  readonly count: number;
  /** Makes the row at a place, with a key that no other row has. */
  readonly row: (at: number) => ComponentChildren;
  /** The place of the chosen row, which stays visible where it changes; -1 for none. */
  readonly chosen: number;
  /** The id of the element of that row. */
  readonly chosenId?: string | undefined;
  readonly role?: "listbox" | "tree";
  /** Where rows come or go, those that are visible stay where they are. */
  readonly keys?: RowKeys;
  readonly goal?: RowGoal | undefined;
  /** The end stays visible while rows come. */
  readonly sticks?: boolean;
  readonly isBusy?: boolean;
  /** Hears which rows are in the page. */
  readonly onRange?: (first: number, last: number) => void;
  /** Hears which row is the first that is visible, at each scroll. */
  readonly onTop?: (at: number) => void;
  /** Hears that the person scrolled to the end, or up from it, or chose a row that was not visible. */
  readonly onEnd?: (isAtEnd: boolean) => void;
  readonly onKeyDown?: (event: KeyboardEvent) => void;
}

/** A list of any length: only the rows that are visible are in the page. */
export function VirtualRows(props: VirtualRowsProps) {
  const { label, count, row, chosen, chosenId, keys, goal, sticks = false, isBusy } = props;
  const list = useRef<HTMLDivElement>(null);
  /** The first visible row, and how far it is scrolled out, in px. */
  const anchor = useRef<{ key: string | undefined; out: number }>({ key: undefined, out: 0 });
  /** Where the page last saw the list: another place means that the person scrolled. */
  const scrolledTo = useRef(0);
  const keysBefore = useRef(keys);
  const goalBefore = useRef<RowGoal | undefined>(undefined);
  const top = useSignal(0);
  const height = useSignal(0);
  const firstRow = useComputed(() => Math.max(0, Math.floor(top.value / ROW) - BEYOND));
  const lastRow = useComputed(() => Math.ceil((top.value + height.value) / ROW) + BEYOND);
  const first = Math.min(firstRow.value, count);
  const last = Math.min(lastRow.value, count);
  const firstKey = keys?.keyAt(0);
  const lastKey = keys?.keyAt(count - 1);

  const note = (element: HTMLElement, known = keys) => {
    const at = Math.floor(element.scrollTop / ROW);
    scrolledTo.current = element.scrollTop;
    top.value = element.scrollTop;
    anchor.current = { key: known?.keyAt(at), out: element.scrollTop - at * ROW };
    if (known === keys) props.onTop?.(at);
  };

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
    // The person may have scrolled since, and the event is still to come.
    if (element.scrollTop !== scrolledTo.current) note(element, keysBefore.current);
    keysBefore.current = keys;
    const { key, out } = anchor.current;
    if (goal && goal !== goalBefore.current) {
      goalBefore.current = goal;
      const above = goal.where === "middle" ? (element.clientHeight - ROW) / 2 : 0;
      element.scrollTop = (keys?.placeOf(goal.key) ?? 0) * ROW - above;
    } else if (sticks) element.scrollTop = element.scrollHeight;
    else if (keys && key !== undefined) element.scrollTop = keys.placeOf(key) * ROW + out;
    note(element);
  }, [goal, count, firstKey, lastKey, sticks, height.value]);

  useLayoutEffect(() => {
    const element = list.current;
    if (!element || chosen < 0) return;
    const { scrollTop, clientHeight } = element;
    if (chosen * ROW < scrollTop) element.scrollTop = chosen * ROW;
    else if ((chosen + 1) * ROW > scrollTop + clientHeight) {
      element.scrollTop = (chosen + 1) * ROW - clientHeight;
    } else return;
    note(element);
    // The person looks at the chosen row, not at the end.
    props.onEnd?.(false);
  }, [chosenId]);

  useEffect(() => props.onRange?.(first, last), [first, last, count, firstKey, lastKey]);

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a listbox or a tree has the focus and the keys
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: both have a name and an active row
    <div
      ref={list}
      class="rows"
      role={props.role ?? "listbox"}
      tabIndex={0}
      aria-label={label}
      aria-busy={isBusy}
      aria-activedescendant={chosen >= first && chosen < last ? chosenId : undefined}
      onKeyDown={props.onKeyDown}
      onScroll={(event) => {
        const element = event.currentTarget;
        const before = scrolledTo.current;
        const { scrollTop, scrollHeight, clientHeight } = element;
        if (scrollTop === before) return;
        note(element);
        const isAtEnd = scrollTop + clientHeight >= scrollHeight - ROW / 2;
        if (isAtEnd ? scrollTop > before : scrollTop < before) props.onEnd?.(isAtEnd);
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
