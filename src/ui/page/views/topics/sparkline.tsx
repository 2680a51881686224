import { barsOf } from "../../parts/bars.ts";

const WIDTH = 48;
const HEIGHT = 16;

/** Counts over time, small; empty while there are none. */
export function Sparkline({ counts }: { counts: readonly number[] | undefined }) {
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      {counts && <path d={barsOf(counts, WIDTH, HEIGHT)} />}
    </svg>
  );
}
