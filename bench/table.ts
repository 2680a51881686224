/** One measurement with its floor, taken in the same run. */
export interface Row {
  name: string;
  unit: "/s" | "ms" | "MB" | "B" | "%";
  value: number;
  floorName: string;
  floor: number;
  /** What value / floor should be at least ... */
  least?: number;
  /** ... or at most. */
  most?: number;
  /** What the value itself should be at most, in its unit, or at least. */
  limit?: number;
  leastValue?: number;
}

/** The rows as a table in Markdown. */
export function toMarkdown(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const ratio = row.value / row.floor;
    const cells = [
      row.name,
      show(row.value, row.unit),
      row.floorName,
      show(row.floor, row.unit),
      ratio.toFixed(2),
      target(row, ratio),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const head = "| measured | xs | floor | its number | ratio | target |";
  return [head, "| --- | ---: | --- | ---: | ---: | --- |", ...lines].join("\n");
}

function show(value: number, unit: Row["unit"]): string {
  if (unit === "/s") return `${Math.round(value).toLocaleString("en-US")}/s`;
  return `${value.toFixed(value < 10 ? 2 : 1)} ${unit}`;
}

function target({ value, unit, least, most, limit, leastValue }: Row, ratio: number): string {
  const verdict = (met: boolean) => (met ? "met" : "missed");
  if (least !== undefined) return `≥ ${least}: ${verdict(ratio >= least)}`;
  if (most !== undefined) return `≤ ${most}: ${verdict(ratio <= most)}`;
  if (limit !== undefined) return `≤ ${limit} ${unit}: ${verdict(value <= limit)}`;
  if (leastValue !== undefined)
    return `≥ ${show(leastValue, unit)}: ${verdict(value >= leastValue)}`;
  return "";
}
