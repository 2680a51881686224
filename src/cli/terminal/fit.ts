import { isPlain, visible, visibleParts } from "../../core/visible.ts";
import type { Style } from "../kit/colours.ts";

/** At the end of what was cut. */
const MORE = "…";
/** No column takes more UTF-16 units than this, not even a family of emoji. */
const MAX_UNITS_PER_COLUMN = 40;

/** From this width on a terminal shows the ids that other commands take. */
export const COLUMNS_FOR_ID = 120;

/** Text for a terminal, and the columns it takes there. */
export interface Fitted {
  readonly text: string;
  readonly width: number;
}

/**
 * Makes the beginning of a text fit into some columns of a terminal, with "…" in the last one where something is
 * missing. It cuts between characters as a person sees them, and shows what a terminal would obey.
 *
 * @param more the text goes on behind its end
 */
export function fit(text: string, columns: number, style: Style, more = false): Fitted {
  if (columns <= 0) return { text: "", width: 0 };
  // The rest of a long text is never looked at.
  const head = headOf(text, columns * MAX_UNITS_PER_COLUMN);
  const isCut = more || head.length < text.length;
  if (isPlain(head)) {
    if (!isCut && head.length <= columns) return { text: head, width: head.length };
    if (head.length < columns) return { text: head + MORE, width: head.length + 1 };
    return { text: head.slice(0, columns - 1) + MORE, width: columns };
  }
  if (!isCut && visible(head) === head) {
    const width = Bun.stringWidth(head);
    if (width <= columns) return { text: head, width };
  }
  return fitUnits(unitsOf(head, style), columns, isCut);
}

function headOf(text: string, units: number): string {
  if (text.length <= units) return text;
  // Not within a surrogate pair.
  const end = /[\ud800-\udbff]/.test(text[units - 1] ?? "") ? units - 1 : units;
  return text.slice(0, end);
}

function fitUnits(units: Iterable<Fitted>, columns: number, isCut: boolean): Fitted {
  let text = "";
  let width = 0;
  // The longest beginning that leaves a column for "…".
  let room: Fitted = { text, width };
  for (const unit of units) {
    if (width + unit.width > columns) return { text: room.text + MORE, width: room.width + 1 };
    text += unit.text;
    width += unit.width;
    if (width < columns) room = { text, width };
  }
  return isCut ? { text: room.text + MORE, width: room.width + 1 } : { text, width };
}

/** The parts of a text that are printed or left out as a whole. */
function* unitsOf(text: string, style: Style): Generator<Fitted> {
  for (const part of visibleParts(text)) {
    if (part.isMark) yield { text: style.mark(part.text), width: part.text.length };
    else if (isPlain(part.text)) {
      for (const char of part.text) yield { text: char, width: 1 };
    } else {
      for (const { segment } of segmenter().segment(part.text)) {
        yield { text: segment, width: Bun.stringWidth(segment) };
      }
    }
  }
}

let graphemes: Intl.Segmenter | undefined;
function segmenter(): Intl.Segmenter {
  graphemes ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  return graphemes;
}

/** The columns that a text takes where it is shown whole. */
export function widthOf(text: string): number {
  return isPlain(text) ? text.length : Bun.stringWidth(visible(text));
}

/** Fills up to some columns with spaces. */
export function padded({ text, width }: Fitted, columns: number): string {
  return text + " ".repeat(Math.max(columns - width, 0));
}
