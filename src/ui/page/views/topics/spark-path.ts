/** The size of a sparkline, in the units of its path. */
export const WIDTH = 48;
export const HEIGHT = 16;

/** The path of bars; those of no frame are not there. */
export function pathOf(counts: readonly number[]): string {
  const most = Math.max(1, ...counts);
  const wide = WIDTH / Math.max(1, counts.length);
  return counts
    .map((each, at) => {
      if (each === 0) return "";
      const high = Math.max(1.5, (each / most) * HEIGHT);
      const x = (at * wide).toFixed(1);
      return `M${x} ${HEIGHT}v${-high.toFixed(1)}h${(wide * 0.8).toFixed(1)}V${HEIGHT}z`;
    })
    .join("");
}
