import type { Style } from "../kit/colours.ts";
import { COLUMNS_FOR_ID, type Fitted, fit, padded, widthOf } from "./fit.ts";

/** A column of a table on a terminal. */
export interface Column {
  readonly head: string;
  readonly alignRight?: boolean;
  /** Only a wide terminal shows this column. */
  readonly isId?: boolean;
  /** This column shrinks where the terminal is narrow; one column does. */
  readonly isFlexible?: boolean;
  /** The width to which a flexible column shrinks before the table loses a column. */
  readonly least?: number;
  readonly format?: (cell: string, style: Style) => string;
}

/** A list of the API as a table: a row for each line. */
type ListTable = new (
  style: Style,
) => { show(lines: readonly string[], width: number): Generator<string> };

/** Makes the class of a list that is a table. @param cellsOf takes a line of JSON, as the API returns it */
export function tableOf(
  columns: readonly Column[],
  cellsOf: (line: string) => readonly string[],
): ListTable {
  return class {
    readonly #table: Table;

    constructor(style: Style) {
      this.#table = new Table(columns, style);
    }

    /** Yields the rows, the first time below the heads. */
    *show(lines: readonly string[], width: number): Generator<string> {
      yield this.#table.show(
        lines.map((line) => cellsOf(line)),
        width,
      );
    }
  };
}

const GAP = 2;
/** The least width of a flexible column that says none. */
const MIN_FLEXIBLE = 12;
/** Cells that say nothing. Where the terminal is narrow, a column of them is left out first. */
const SAYS_NOTHING = new Set(["", "-", "0"]);

/** Shows rows as a table as wide as the terminal. Rows may come in parts: columns grow, and never shrink. */
export class Table {
  readonly #columns: readonly Column[];
  readonly #style: Style;
  readonly #widths: number[];
  readonly #saysNothing: boolean[];
  #hasHead = false;

  constructor(columns: readonly Column[], style: Style) {
    this.#columns = columns;
    this.#style = style;
    this.#widths = columns.map(({ head }) => head.length);
    this.#saysNothing = columns.map(() => true);
  }

  /**
   * Formats rows, the first time below the heads of the columns.
   *
   * @param width of the terminal
   * @param isDim whether a row is dimmed as a whole, by its number among these
   */
  show(
    rows: readonly (readonly string[])[],
    width: number,
    isDim: (at: number) => boolean = () => false,
  ): string {
    for (const row of rows) {
      for (const [at, cell] of row.entries()) {
        this.#widths[at] = Math.max(this.#widths[at] ?? 0, widthOf(cell));
        if (!SAYS_NOTHING.has(cell)) this.#saysNothing[at] = false;
      }
    }
    const widths = this.#fitted(width);
    const head = this.#hasHead ? [] : [this.#columns.map(({ head }) => head)];
    this.#hasHead = true;
    return [
      ...head.map((row) => this.#style.bold(this.#line(row, widths, true))),
      ...rows.map((row, at) =>
        isDim(at) ? this.#style.dim(this.#line(row, widths, true)) : this.#line(row, widths, false),
      ),
    ]
      .map((line) => `${line}\n`)
      .join("");
  }

  /** The width of each column in a terminal; undefined for one that is left out. */
  #fitted(width: number): (number | undefined)[] {
    const widths: (number | undefined)[] = this.#columns.map(({ isId }, at) =>
      isId && width < COLUMNS_FOR_ID ? undefined : this.#widths[at],
    );
    const flexible = this.#columns.findIndex(({ isFlexible }) => isFlexible);
    const natural = this.#widths[flexible] ?? 0;
    const over = () => {
      const shown = widths.filter((one) => one !== undefined);
      return shown.reduce((sum, one) => sum + one + GAP, -GAP) - width;
    };
    const shrink = (least: number) => {
      widths[flexible] = Math.max(natural - Math.max(over(), 0), Math.min(natural, least), 1);
    };
    const others = [...widths.keys()].filter((at) => at !== flexible).reverse();
    const saysNothing = others.filter((at) => this.#saysNothing[at]);
    for (const at of saysNothing) if (over() > 0) widths[at] = undefined;
    shrink(this.#columns[flexible]?.least ?? MIN_FLEXIBLE);
    for (const at of others) if (over() > 0) widths[at] = undefined;
    widths[flexible] = natural;
    shrink(1);
    return widths;
  }

  /** @param isPlain without the formats of the columns */
  #line(row: readonly string[], widths: readonly (number | undefined)[], isPlain: boolean): string {
    const cells: string[] = [];
    for (const [at, width] of widths.entries()) {
      if (width === undefined) continue;
      const { alignRight, format } = this.#columns[at] ?? {};
      const cell = fit(row[at] ?? "", width, this.#style);
      const text = isPlain || !format ? cell.text : format(cell.text, this.#style);
      const shown: Fitted = { text, width: cell.width };
      cells.push(alignRight ? " ".repeat(width - cell.width) + text : padded(shown, width));
    }
    return cells.join(" ".repeat(GAP)).trimEnd();
  }
}
