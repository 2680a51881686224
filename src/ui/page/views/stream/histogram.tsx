import { useState } from "preact/hooks";
import { askJson } from "../../lib/ask.ts";
import { dayAndClock, plural } from "../../lib/format.ts";
import { ticksOf } from "../../lib/ticks.ts";
import { useRefreshed } from "../../lib/use-refreshed.ts";
import { useWidth } from "../../lib/use-size.ts";
import { barsOf } from "../../parts/bars.ts";
import type { LogSource } from "./source.ts";

/** The counts of a part of the log, as the API answers them. */
interface Counts {
  /** The first moment, in ms since 1970, and how long each step is, in ms. */
  readonly since: number;
  readonly step: number;
  readonly counts: readonly number[];
}

/** The height of the bars and of the labels below them, and the space at both sides, in px. */
const HEIGHT = 34;
const LABELS = 18;
const SIDE = 12;
/** How wide a bar is at least, and a label, in px. */
const BAR = 6;
const LABEL = 84;
/** The most parts that the API counts. */
const MAX_STEPS = 1000;
/** A drag that is not longer is a click, in px. */
const CLICK = 4;
/** The counts are asked for again when frames came, not more often than this, in ms. */
const AGAIN_MS = 5000;

interface HistogramProps {
  readonly source: LogSource;
  /** A person selected a part, in ms since 1970. */
  readonly select: (since: number, until: number) => void;
  /** A person went to a moment. */
  readonly goTo: (ms: number) => void;
}

/** How many frames of the selection there are, over time. A drag selects a part; a click goes there. */
export function Histogram({ source, select, goTo }: HistogramProps) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const wide = Math.max(0, width - 2 * SIDE);
  const steps = Math.min(MAX_STEPS, Math.floor(wide / BAR));
  const { value } = useRefreshed<Counts | undefined>(
    async (signal) =>
      steps > 10 ? await askJson<Counts>(source.histogramPath(steps), signal) : undefined,
    AGAIN_MS,
    [source, steps > 10],
  );
  return (
    <div ref={ref} class="histogram">
      {value && <Chart {...value} wide={wide} select={select} goTo={goTo} />}
    </div>
  );
}

type ChartProps = Counts & Pick<HistogramProps, "select" | "goTo"> & { readonly wide: number };

function Chart({ since, step, counts, wide, select, goTo }: ChartProps) {
  const [drag, setDrag] = useState<{ from: number; to: number }>();
  /** Where the pointer is, in px from the first bar. */
  const [over, setOver] = useState<number>();
  const total = counts.reduce((sum, each) => sum + each, 0);
  // Without a frame there is no time to show.
  if (total === 0) return null;
  const until = since + step * counts.length;
  const momentAt = (x: number) => since + ((until - since) * Math.min(Math.max(x, 0), wide)) / wide;
  const xOf = (event: PointerEvent & { currentTarget: SVGSVGElement }) =>
    event.clientX - event.currentTarget.getBoundingClientRect().left - SIDE;
  const describe = (x: number) => {
    const at = Math.min(counts.length - 1, Math.max(0, Math.floor((x / wide) * counts.length)));
    return `${plural(counts[at] ?? 0, "event")} from ${dayAndClock(since + at * step)}`;
  };
  const left = drag && Math.min(drag.from, drag.to);
  return (
    <>
      <svg
        width={wide + 2 * SIDE}
        height={HEIGHT + LABELS}
        viewBox={`${-SIDE} 0 ${wide + 2 * SIDE} ${HEIGHT + LABELS}`}
        role="img"
        aria-label={`${plural(total, "event")} from ${dayAndClock(since)} to ${dayAndClock(until)}`}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ from: xOf(event), to: xOf(event) });
        }}
        onPointerMove={(event) => {
          setOver(xOf(event));
          if (drag) setDrag({ ...drag, to: xOf(event) });
        }}
        onPointerLeave={() => setOver(undefined)}
        onPointerCancel={() => setDrag(undefined)}
        onPointerUp={(event) => {
          if (!drag) return;
          const [from, to] = [drag.from, xOf(event)].sort((a, b) => a - b) as [number, number];
          setDrag(undefined);
          if (to - from > CLICK) select(momentAt(from), momentAt(to));
          else goTo(momentAt(to));
        }}
      >
        <path class="histogram-bars" d={barsOf(counts, wide, HEIGHT)} />
        {ticksOf(since, until, Math.floor(wide / LABEL)).map(({ ms, label }) => (
          <text
            key={ms}
            x={Math.min(Math.max(30, ((ms - since) / (until - since)) * wide), wide - 24)}
            y={HEIGHT + 13}
          >
            {label}
          </text>
        ))}
        {drag && left !== undefined && (
          <rect
            class="histogram-drag"
            x={left}
            y={0}
            width={Math.abs(drag.to - drag.from)}
            height={HEIGHT}
          />
        )}
      </svg>
      {over !== undefined && (
        <div
          class="histogram-hover"
          aria-hidden="true"
          style={{ [over < wide / 2 ? "right" : "left"]: SIDE }}
        >
          {describe(over)}
        </div>
      )}
    </>
  );
}
