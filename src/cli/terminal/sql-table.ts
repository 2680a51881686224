import { visible } from "../../core/visible.ts";
import type { SqlValue } from "../../store/query.ts";
import type { Style } from "../kit/colours.ts";
import { numberText, type RowFormat } from "../kit/sql-formats.ts";
import { fit, padded } from "./fit.ts";

const GAP = 2;
/** The widths to which columns of text shrink, and then all columns, before one is left out. */
const LEAST_TEXT = 8;
const LEAST = 4;
/** An id, or a time: a part of it says little, so that other texts shrink first. */
const WHOLE = /^([0-9a-z]{25}|\d{4}-\d\d-\d\dT[\d:.]+Z)$/;
/** So many bytes of a blob are shown. */
const BLOB_BYTES = 64;

/** Shows the rows of a query as a table. Rows come in parts: columns grow, and never shrink. */
export class SqlTable implements RowFormat {
  readonly #columns: readonly string[];
  readonly #style: Style;
  readonly #width: () => number;
  readonly #widths: number[];
  /** Whether a column has numbers alone, so far. */
  readonly #isNumeric: boolean[];
  /** Whether a column has numbers, ids and times alone, so far. */
  readonly #isWhole: boolean[];
  #hasHead = false;

  /** @param width of the terminal, as it is when a part is shown */
  constructor(columns: readonly string[], style: Style, width: () => number) {
    this.#columns = columns;
    this.#style = style;
    this.#width = width;
    this.#widths = columns.map(() => 1);
    this.#isNumeric = columns.map(() => true);
    this.#isWhole = columns.map(() => true);
  }

  begin(): string {
    return "";
  }

  show(rows: readonly (readonly SqlValue[])[]): string {
    if (this.#hasHead && rows.length === 0) return "";
    const width = this.#width();
    if (!this.#hasHead)
      for (const [at, name] of this.#columns.entries()) this.#measure(at, name, width);
    for (const row of rows) {
      for (const [at, value] of row.entries()) {
        this.#measure(at, value, width);
        if (typeof value !== "string" && !(value instanceof Uint8Array)) continue;
        this.#isNumeric[at] = false;
        if (typeof value !== "string" || !WHOLE.test(value)) this.#isWhole[at] = false;
      }
    }
    const widths = this.#fitted(width);
    const head = this.#hasHead ? "" : `${this.#style.bold(this.#line(this.#columns, widths))}\n`;
    this.#hasHead = true;
    return head + rows.map((row) => `${this.#line(row, widths)}\n`).join("");
  }

  #measure(at: number, value: SqlValue, most: number): void {
    const { width } = fit(textOf(value), most, this.#style);
    this.#widths[at] = Math.max(this.#widths[at] ?? 1, width);
  }

  /** The widths of the columns that a terminal of this width shows, from the left. */
  #fitted(width: number): number[] {
    const widths: number[] = [];
    // Columns at their least; the others are left out.
    let left = width + GAP;
    for (const natural of this.#widths) {
      left -= Math.min(natural, LEAST) + GAP;
      if (left < 0 && widths.length > 0) break;
      widths.push(Math.min(natural, width));
    }
    let over = widths.reduce((sum, one) => sum + one + GAP, -GAP) - width;
    const shrink = (least: number, may: (at: number) => boolean) => {
      for (; over > 0; over--) {
        let widest = -1;
        for (const [at, one] of widths.entries()) {
          if (one > least && may(at) && one > (widths[widest] ?? 0)) widest = at;
        }
        if (widest < 0) return;
        widths[widest] = (widths[widest] ?? 0) - 1;
      }
    };
    shrink(LEAST_TEXT, (at) => !this.#isWhole[at]);
    shrink(LEAST, () => true);
    return widths;
  }

  #line(row: readonly SqlValue[], widths: readonly number[]): string {
    const cells = widths.map((width, at) => {
      const value = row[at] ?? null;
      const cell = fit(textOf(value), width, this.#style);
      const text = value === null ? this.#style.dim(cell.text) : cell.text;
      if (this.#isNumeric[at]) return " ".repeat(Math.max(width - cell.width, 0)) + text;
      return padded({ text, width: cell.width }, width);
    });
    return cells.join(" ".repeat(GAP)).trimEnd();
  }
}

function textOf(value: SqlValue): string {
  if (value === null) return "NULL";
  if (typeof value === "string") return value.replaceAll("\t", "  ");
  if (!(value instanceof Uint8Array)) return numberText(value);
  const more = value.length > BLOB_BYTES ? "…" : "";
  return `x'${value.subarray(0, BLOB_BYTES).toHex()}${more}'`;
}

/** A format whose text a terminal obeys in nothing. */
export function shownSafely(format: RowFormat, show: (text: string) => string): RowFormat {
  return { begin: () => show(format.begin()), show: (rows) => show(format.show(rows)) };
}

/** Shows CSV on a terminal. */
export function visibleCsv(text: string): string {
  return visible(text, "\r\n\t");
}
