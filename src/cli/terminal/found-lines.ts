import type { Frame } from "../../core/frame.ts";
import type { Snippet } from "../../core/search-match.ts";
import type { Style } from "../kit/colours.ts";
import { fit } from "./fit.ts";
import { NamedLines } from "./named-lines.ts";
import { isOfRuntime } from "./shown-frame.ts";

/** A frame as a search returns it. */
interface FoundFrame extends Frame {
  readonly snippet: Snippet;
}

/** A part of a snippet, with a match or without. */
interface Piece {
  readonly text: string;
  readonly isMatch: boolean;
}

/** Shows frames that were found in one line each: time, topic, and the text around the words that were looked for. */
export class FoundLines {
  readonly #style: Style;
  readonly #lines: NamedLines;

  constructor(style: Style) {
    this.#style = style;
    this.#lines = new NamedLines(style);
  }

  async *show(lines: readonly string[], columns: number): AsyncGenerator<string> {
    const frames = lines.map((line) => JSON.parse(line) as FoundFrame);
    for (const { topic } of frames) this.#lines.widen(topic);
    for (const frame of frames) {
      const named = { id: frame.id, name: frame.topic, isDim: isOfRuntime(frame) };
      yield `${await this.#lines.line(named, columns, (left) => this.#text(frame.snippet, left))}\n`;
    }
  }

  #text(snippet: Snippet, columns: number): string {
    let left = columns;
    let text = "";
    for (const { text: part, isMatch } of piecesOf(snippet, columns)) {
      const { bold, wrong } = this.#style;
      const { text: shown, width } = fit(part, left, this.#style);
      text += isMatch ? bold(wrong(shown)) : shown;
      left -= width;
      if (left <= 0) break;
    }
    return text;
  }
}

/** The parts of a snippet in one line. What is before the first match is cut where that would not be seen. */
function piecesOf({ text, matches }: Snippet, columns: number): Piece[] {
  const characters = [...text];
  const oneLine = (from: number, to?: number) =>
    characters.slice(from, to).join("").replaceAll(/\s+/g, " ");
  const first = matches[0]?.[0] ?? 0;
  const start = Math.max(0, first - Math.floor(columns / 3));
  const pieces: Piece[] = start > 0 ? [{ text: "…", isMatch: false }] : [];
  let at = start;
  for (const [from, to] of matches) {
    pieces.push(
      { text: oneLine(at, from), isMatch: false },
      { text: oneLine(from, to), isMatch: true },
    );
    at = to;
  }
  pieces.push({ text: oneLine(at), isMatch: false });
  return pieces.filter((piece) => piece.text !== "");
}
