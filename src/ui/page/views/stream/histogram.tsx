import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { askJson, isAbort } from "../../lib/ask.ts";
import { count, dayAndClock } from "../../lib/format.ts";
import { heard } from "../../lib/heard.ts";
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
/** How wide a bar is at least, in px. */
const BAR = 6;
/** The counts are asked for again when frames came, not more often than this, in ms. */
const AGAIN_MS = 5000;
/** Where that takes long: at most this part of the time. */
const SHARE = 20;

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
  const data = useCounts(source, Math.max(10, Math.floor(width / BAR)));
  const plot = useRef<uPlot | undefined>(undefined);
  const acts = useRef({ select, goTo });
  acts.current = { select, goTo };
  useEffect(() => {
    const element = ref.current;
    if (!element || width === 0 || !data) return;
    const style = getComputedStyle(element);
    plot.current = new uPlot(
      options(width, style.getPropertyValue("color"), style.getPropertyValue("--dim"), acts),
      columns(data),
      element,
    );
    return () => {
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [width, data === undefined]);
  useEffect(() => {
    if (data) plot.current?.setData(columns(data));
  }, [data]);
  const total = data?.counts.reduce((sum, each) => sum + each, 0) ?? 0;
  return (
    <div class="histogram">
      <div
        ref={ref}
        class="histogram-plot"
        role="img"
        aria-label={data && description(data, total)}
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
    axes: [{ ...axis, size: 18, gap: 2 }, { show: false }],
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
      setSelect: [
        (plot) => {
          const { left, width: wide } = plot.select;
          const at = (x: number) => plot.posToVal(x, "x") * 1000;
          if (wide > 4) acts.current.select(at(left), at(left + wide));
          else if (plot.cursor.left !== undefined) acts.current.goTo(at(plot.cursor.left));
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

/** The counts of the selection, asked for again while frames come. */
function useCounts(source: LogSource, steps: number): Counts | undefined {
  const [counts, setCounts] = useState<Counts>();
  useEffect(() => {
    if (steps <= 10) return;
    const ending = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let seen = -1;
    const load = async () => {
      const started = performance.now();
      if (heard.peek() !== seen && !document.hidden) {
        seen = heard.peek();
        try {
          setCounts(await askJson<Counts>(source.histogramPath(steps), ending.signal));
        } catch (error) {
          // The stream itself says what is wrong.
          if (isAbort(error)) return;
        }
      }
      if (ending.signal.aborted) return;
      const took = performance.now() - started;
      timer = setTimeout(() => void load(), Math.max(AGAIN_MS, took * SHARE));
    };
    void load();
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, [source, steps]);
  return counts;
}
