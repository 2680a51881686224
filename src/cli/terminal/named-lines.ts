import { timestampOf } from "../../core/id.ts";
import type { Style } from "../kit/colours.ts";
import { Clock } from "./clock.ts";
import { COLUMNS_FOR_ID, type Fitted, fit, padded, widthOf } from "./fit.ts";

const MIN_NAME = 12;
/** The part of the columns behind the time that a name takes at most. */
const NAME_PART = 0.45;

/** What a line shows beside its text. */
export interface NamedLine {
  /** Its time is that of the line. */
  readonly id: string;
  /** A topic, or a key. */
  readonly name: string;
  /** Shows the whole line dimmed. */
  readonly isDim?: boolean;
}

/** Lays lines out in columns: time, on a wide terminal the id, name, text. */
export class NamedLines {
  readonly #style: Style;
  readonly #clock = new Clock();
  /** It grows with the names that come, and never shrinks, so that the lines stay aligned. */
  #nameWidth = MIN_NAME;

  constructor(style: Style) {
    this.#style = style;
  }

  /** Makes room for a name, before the first line that has it. */
  widen(name: string): void {
    this.#nameWidth = Math.max(this.#nameWidth, widthOf(name));
  }

  /** Formats one line. @param textIn formats the text for some columns */
  async line(
    { id, name, isDim = false }: NamedLine,
    columns: number,
    textIn: (columns: number) => string | Promise<string>,
  ): Promise<string> {
    const { dim, name: coloured } = this.#style;
    const as = (format: (text: string) => string) => (isDim ? (text: string) => text : format);
    const stamp = fit(this.#clock.stamp(timestampOf(id)), columns, this.#style);
    let [line, left] = [as(dim)(stamp.text), columns - stamp.width - 2];
    const add = (cell: Fitted, width: number, format: (text: string) => string) => {
      line += `  ${padded({ text: as(format)(cell.text), width: cell.width }, width)}`;
      left -= 2 + Math.max(cell.width, width);
    };
    if (columns >= COLUMNS_FOR_ID) add(fit(id, columns, this.#style), 0, dim);
    const nameColumns = Math.min(this.#nameWidth, Math.floor(left * NAME_PART));
    add(fit(name, nameColumns, this.#style), nameColumns, coloured);
    line = `${line}  ${await textIn(left)}`.trimEnd();
    return isDim ? dim(line) : line;
  }
}
