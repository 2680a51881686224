import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { duration } from "../../lib/format.ts";
import { useWidth } from "../../lib/use-size.ts";
import type { Lag } from "./processor.ts";

const HEIGHT = 110;

/** How far a handler was behind, since the page was opened. */
export function LagChart({ lag }: { lag: Lag }) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const plot = useRef<uPlot | undefined>(undefined);
  useEffect(() => {
    const element = ref.current;
    if (!element || width === 0) return;
    const style = getComputedStyle(element);
    const colour = style.getPropertyValue("color");
    const axis = {
      stroke: colour,
      font: "11px system-ui",
      grid: { show: false },
      ticks: { show: false },
    };
    const options: uPlot.Options = {
      width,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (_, __, max) => [0, Math.max(10, max)] } },
      axes: [
        { ...axis, size: 20 },
        { ...axis, size: 52, values: (_, values) => values.map((ms) => duration(ms)) },
      ],
      series: [
        {},
        { stroke: style.getPropertyValue("--accent"), width: 1.5, points: { show: false } },
      ],
    };
    plot.current = new uPlot(options, [[], []], element);
    return () => {
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [width]);
  useEffect(() => {
    plot.current?.setData([lag.map(([at]) => at), lag.map(([, ms]) => ms)]);
  }, [lag.length, lag.at(-1), width]);
  const newest = lag.at(-1)?.[1] ?? 0;
  return <div ref={ref} class="lag" role="img" aria-label={`now ${duration(newest)} behind`} />;
}
