import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { askJson } from "../../lib/ask.ts";
import { count, day, dayAndClock } from "../../lib/format.ts";
import { useRefreshed } from "../../lib/use-refreshed.ts";
import { useWidth } from "../../lib/use-size.ts";
import type { LogSource } from "./source.ts";

/** The counts of a part of the log, as the API answers them. */
interface Counts {
  /** The first moment, in ms since 1970, and how long each step is, in ms. */
  readonly since: number;
  readonly step: number;
  readonly counts: readonly number[];
}

const HEIGHT = 56;
const DARK = "(prefers-color-scheme: dark)";
/** How wide a bar is at least, in px. */
const BAR = 6;
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
  const steps = Math.min(MAX_STEPS, Math.floor(width / BAR));
  const { value } = useRefreshed<Counts | undefined>(
    async (signal) =>
      steps > 10 ? await askJson<Counts>(source.histogramPath(steps), signal) : undefined,
    AGAIN_MS,
    [source, steps > 10],
  );
  const isDark = useIsDark();
  const total = value?.counts.reduce((sum, each) => sum + each, 0) ?? 0;
  // Without a frame there is no time to show.
  const data = total > 0 ? value : undefined;
  const plot = useRef<uPlot | undefined>(undefined);
  const acts = useRef({ select, goTo });
  acts.current = { select, goTo };
  useEffect(() => {
    const element = ref.current;
    if (!element || width === 0 || !data) return;
    const style = getComputedStyle(element);
    plot.current = new uPlot(
      options(width, style.color, style.outlineColor, acts),
      columns(data),
      element,
    );
    return () => {
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [width, data === undefined, isDark]);
  useEffect(() => {
    if (data) plot.current?.setData(columns(data));
  }, [data]);
  return (
    <div class="histogram">
      <div
        ref={ref}
        class="histogram-plot"
        role="img"
        aria-label={data ? description(data, total) : "Frames over time"}
      />
    </div>
  );
}

function description({ since, step, counts }: Counts, total: number): string {
  const until = since + step * counts.length;
  return `${count(total)} frames from ${dayAndClock(since)} to ${dayAndClock(until)}`;
}

function columns({ since, step, counts }: Counts): uPlot.AlignedData {
  return [counts.map((_, at) => (since + (at + 0.5) * step) / 1000), [...counts]];
}

function options(
  width: number,
  colour: string,
  dim: string,
  acts: { current: Pick<HistogramProps, "select" | "goTo"> },
): uPlot.Options {
  const axis = {
    stroke: dim,
    font: "11px system-ui",
    grid: { show: false },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    padding: [4, 12, 0, 12],
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    scales: { y: { range: (_, __, max) => [0, Math.max(1, max)] } },
    axes: [
      { ...axis, size: 18, gap: 2, space: 76, values: (_, at, __, ___, step) => labels(at, step) },
      { show: false },
    ],
    series: [
      {},
      {
        fill: colour,
        stroke: colour,
        width: 0,
        points: { show: false },
        paths: uPlot.paths.bars?.({ size: [0.8, 24], align: 0 }),
      } as uPlot.Series,
    ],
    hooks: {
      ready: [
        ({ over, posToVal }) => {
          let down = 0;
          over.addEventListener("mousedown", ({ offsetX }) => {
            down = offsetX;
          });
          over.addEventListener("click", ({ offsetX }) => {
            if (Math.abs(offsetX - down) > CLICK) return;
            acts.current.goTo(posToVal(offsetX, "x") * 1000);
          });
        },
      ],
      setSelect: [
        (plot) => {
          const { left, width: wide } = plot.select;
          const at = (x: number) => plot.posToVal(x, "x") * 1000;
          if (wide > CLICK) acts.current.select(at(left), at(left + wide));
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

/** The labels of moments, in s since 1970, that lie so many seconds apart. */
function labels(moments: readonly number[], step: number): string[] {
  const cut = step >= 86_400 ? 10 : step >= 60 ? 16 : 19;
  return moments.map((at, place) => {
    const text = dayAndClock(at * 1000).slice(0, cut);
    const before = moments[place - 1];
    const isSameDay = before !== undefined && day(before * 1000) === day(at * 1000);
    return step >= 86_400 || !isSameDay ? text.slice(5, cut) : text.slice(11);
  });
}

/** Whether the page is dark: the plot is drawn with the colours of the moment. */
function useIsDark(): boolean {
  const [isDark, setDark] = useState(() => matchMedia(DARK).matches);
  useEffect(() => {
    const query = matchMedia(DARK);
    const hear = () => setDark(query.matches);
    query.addEventListener("change", hear);
    return () => query.removeEventListener("change", hear);
  }, []);
  return isDark;
}
