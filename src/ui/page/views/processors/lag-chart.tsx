import { clock, duration } from "../../lib/format.ts";
import { ticksOf } from "../../lib/ticks.ts";
import { useWidth } from "../../lib/use-size.ts";
import { type Lag, lineOf, rangeOf } from "./lag.ts";

/** The measures of the chart, in px: the line, the labels below it, and those beside it. */
const HEIGHT = 84;
const BELOW = 18;
const BESIDE = 52;
const TOP = 8;
const RIGHT = 16;
/** How wide a label is at least, in px. */
const LABEL = 84;

/** How far a handler was behind, since the page was opened. */
export function LagChart({ lag }: { lag: Lag }) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const wide = width - BESIDE - RIGHT;
  const newest = lag.at(-1);
  const worst = Math.max(0, ...lag.map(([, ms]) => ms ?? 0));
  const highest = Math.max(1000, worst);
  const [from, to] = rangeOf(lag, Date.now() / 1000);
  const yOf = (ms: number) => HEIGHT - (ms / highest) * HEIGHT;
  const xOf = (at: number) => ((at - from) / (to - from)) * wide;
  return (
    <div
      ref={ref}
      class="lag"
      role="img"
      aria-label={`now ${duration(newest?.[1] ?? 0)} behind, at most ${duration(worst)} since ${clock((lag[0]?.[0] ?? 0) * 1000).slice(0, 8)}`}
    >
      {wide > 0 && (
        <svg
          width={width}
          height={TOP + HEIGHT + BELOW}
          viewBox={`${-BESIDE} ${-TOP} ${width} ${TOP + HEIGHT + BELOW}`}
          aria-hidden="true"
        >
          {[0, highest / 2, highest].map((ms) => (
            <g key={ms}>
              <path class="lag-grid" d={`M0 ${yOf(ms)}h${wide}`} />
              <text class="lag-beside" x={-8} y={yOf(ms) + 4}>
                {ms === 0 ? "0" : duration(ms)}
              </text>
            </g>
          ))}
          {ticksOf(from * 1000, to * 1000, Math.floor(wide / LABEL)).map(({ ms, label }) => (
            <text key={ms} x={xOf(ms / 1000)} y={HEIGHT + 15}>
              {label}
            </text>
          ))}
          <path class="lag-line" d={lineOf(lag, xOf, yOf)} />
          {newest && newest[1] !== null && (
            <circle class="lag-now" cx={xOf(newest[0])} cy={yOf(newest[1])} r={2.5} />
          )}
        </svg>
      )}
    </div>
  );
}
