import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { clock, duration } from "../../lib/format.ts";
import { useWidth } from "../../lib/use-size.ts";
import { type Lag, rangeOf } from "./lag.ts";

const HEIGHT = 110;
/** From this on the axis has no seconds, in seconds. */
const LONG = 600;

/** How far a handler was behind, since the page was opened. */
export function LagChart({ lag }: { lag: Lag }) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const plot = useRef<uPlot | undefined>(undefined);
  const shown = useRef(lag);
  shown.current = lag;
  useEffect(() => {
    const element = ref.current;
    if (!element || width === 0) return;
    plot.current = new uPlot(
      options(width, element, () => shown.current),
      columns(lag),
      element,
    );
    return () => {
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [width]);
  const newest = lag.at(-1);
  useEffect(() => plot.current?.setData(columns(lag)), [lag, newest]);
  const worst = Math.max(0, ...lag.map(([, ms]) => ms ?? 0));
  return (
    <div
      ref={ref}
      class="lag"
      role="img"
      aria-label={`now ${duration(newest?.[1] ?? 0)} behind, at most ${duration(worst)} since ${clock((lag[0]?.[0] ?? 0) * 1000).slice(0, 8)}`}
    />
  );
}

function columns(lag: Lag): uPlot.AlignedData {
  return [lag.map(([at]) => at), lag.map(([, ms]) => ms)];
}

function options(width: number, element: HTMLElement, lag: () => Lag): uPlot.Options {
  const axis = {
    stroke: colourOf(element, "--dim"),
    font: "11px system-ui",
    ticks: { show: false },
  };
  const line = colourOf(element, "--line");
  const accent = colourOf(element, "--accent");
  const times = (_: uPlot, splits: number[]) => {
    const [from = 0] = rangeOf(lag(), 0);
    const isLong = (splits.at(-1) ?? 0) - from > LONG;
    return splits.map((at) => clock(at * 1000).slice(0, isLong ? 5 : 8));
  };
  return {
    width,
    height: HEIGHT,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: () => rangeOf(lag(), Date.now() / 1000) },
      y: { range: (_, __, max) => [0, Math.max(1000, max)] },
    },
    axes: [
      { ...axis, size: 20, space: 80, grid: { show: false }, values: times },
      {
        ...axis,
        size: 56,
        space: 24,
        grid: { stroke: line, width: 1 },
        values: (_, values) => values.map((ms) => (ms === 0 ? "0" : duration(ms))),
      },
    ],
    series: [
      {},
      {
        stroke: accent,
        width: 1.5,
        points: { size: 5, fill: accent, space: 20 },
      },
    ],
  };
}

/** A colour of the style, as a canvas takes it: the variable has one for light and one for dark. */
function colourOf(element: HTMLElement, name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
