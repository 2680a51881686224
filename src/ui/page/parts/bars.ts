/** The path of counts as bars, of a width and height; those of nothing are not there, and small ones can be seen. */
export function barsOf(counts: readonly number[], width: number, height: number): string {
  const most = Math.max(1, ...counts);
  const each = width / Math.max(1, counts.length);
  return counts
    .map((count, at) => {
      if (count === 0) return "";
      const high = Math.max(1.5, (count / most) * height);
      return `M${(at * each).toFixed(1)} ${height}v${-high.toFixed(1)}h${(each * 0.8).toFixed(1)}V${height}z`;
    })
    .join("");
}
