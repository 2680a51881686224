import { HEIGHT, pathOf, WIDTH } from "./spark-path.ts";

/** Counts over time, small; empty while there are none. */
export function Sparkline({ counts }: { counts: readonly number[] | undefined }) {
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      {counts && <path d={pathOf(counts)} />}
    </svg>
  );
}
