import type { SqlValue } from "../../store/query.ts";

/** Formats the rows of a query. */
export interface RowFormat {
  /** What comes before the rows. */
  begin(): string;
  show(rows: readonly (readonly SqlValue[])[]): string;
}

/** A number as SQL writes it: a real one is never taken for a whole one. It is the same in JSON. */
export function numberText(value: number | bigint): string {
  const text = String(value);
  return typeof value === "number" && /^-?[0-9]+$/.test(text) ? `${text}.0` : text;
}

/** JSON lines, an object a row. A blob is an object with its base64. */
export function jsonFormat(columns: readonly string[]): RowFormat {
  const names = columns.map((name) => JSON.stringify(name));
  const line = (row: readonly SqlValue[]) =>
    `{${row.map((value, at) => `${names[at]}:${jsonValue(value)}`).join(",")}}\n`;
  return { begin: () => "", show: (rows) => rows.map(line).join("") };
}

function jsonValue(value: SqlValue): string {
  if (value === null) return "null";
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Uint8Array) return `{"base64":"${value.toBase64()}"}`;
  // JSON has no infinity.
  return Number.isFinite(Number(value)) ? numberText(value) : "null";
}

/** CSV as in RFC 4180, with a line of heads. A blob is its base64; null is nothing, and an empty text is "". */
export function csvFormat(columns: readonly string[]): RowFormat {
  const line = (row: readonly SqlValue[]) => `${row.map(csvValue).join(",")}\r\n`;
  return { begin: () => line(columns), show: (rows) => rows.map(line).join("") };
}

function csvValue(value: SqlValue): string {
  if (value === null) return "";
  if (value instanceof Uint8Array) return value.toBase64();
  if (typeof value !== "string") return numberText(value);
  return value === "" || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
