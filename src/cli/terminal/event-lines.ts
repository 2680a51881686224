import type { InlinedFrame } from "../../core/frame.ts";
import type { Style } from "../kit/colours.ts";
import { EventText } from "./event-text.ts";
import { NamedLines } from "./named-lines.ts";
import { rule } from "./rule.ts";
import { isOfRuntime, isPulse, isThreshold, type ReadContent } from "./shown-frame.ts";

/** Shows frames in one line each: time, topic, and the first line of the content or else the meta. */
export class EventLines {
  readonly #style: Style;
  readonly #lines: NamedLines;
  readonly #text: EventText;

  constructor(style: Style, readContent: ReadContent) {
    this.#style = style;
    this.#lines = new NamedLines(style);
    this.#text = new EventText(style, readContent);
  }

  /** Yields the lines of frames. @param lines as a read returns them, with content */
  async *show(lines: readonly string[], columns: number): AsyncGenerator<string> {
    const frames = lines.map((line) => JSON.parse(line) as InlinedFrame);
    for (const frame of frames) {
      if (!isPulse(frame) && !isThreshold(frame)) this.#lines.widen(frame.topic);
    }
    let text = "";
    for (const [at, frame] of frames.entries()) {
      if (isPulse(frame)) continue;
      if (isThreshold(frame)) text += `${rule("live", columns, this.#style)}\n`;
      else text += `${await this.#line(frame, lines[at] ?? "", columns)}\n`;
    }
    yield text;
  }

  #line(frame: InlinedFrame, json: string, columns: number): Promise<string> {
    const line = { id: frame.id, name: frame.topic, isDim: isOfRuntime(frame) };
    return this.#lines.line(line, columns, (left) => this.#text.of(frame, json, left));
  }
}
