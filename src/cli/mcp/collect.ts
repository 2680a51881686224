import { idInLine } from "../../core/frame.ts";
import { topicInLine } from "../../core/index-keys.ts";
import type { Bounds } from "./bounds.ts";
import { type FrameView, frameView } from "./frame-view.ts";

/** The characters of JSON after which an answer is full; the frame that exceeds them is its last. */
const MAX_ANSWER = 48_000;

/** The frames of an answer, as far as they fit. */
export class Collector {
  readonly frames: FrameView[] = [];
  /** The id of the last one; undefined where there is none. */
  last: string | undefined;
  readonly #most: number;
  readonly #room: number;
  #size = 0;

  /**
   * @param most frames
   * @param share the part of the answer that they may take
   */
  constructor(most: number, share = 1) {
    this.#most = most;
    this.#room = MAX_ANSWER * share;
  }

  get isFull(): boolean {
    return this.frames.length >= this.#most || this.#size >= this.#room;
  }

  /**
   * Adds a frame.
   *
   * @param line as the API returns it with `content=inline`
   * @param more further members of its view
   */
  add(line: string, more: object = {}): void {
    const frame = { ...frameView(line), ...more };
    this.frames.push(frame);
    this.#size += JSON.stringify(frame).length;
    this.last = idInLine(line);
  }
}

/** The frames of a read, as far as they fit into an answer. */
export interface Collected {
  readonly frames: readonly FrameView[];
  /** The id of the last one; undefined where there is none. */
  readonly last: string | undefined;
  /** There are more. */
  readonly truncated: boolean;
}

/**
 * Takes frames until an answer is full. It reads no further than that, so that a read of everything costs little.
 *
 * @param lines frames as the API returns them with `content=inline`
 * @param most frames
 */
export async function collect(
  lines: AsyncIterable<string>,
  bounds: Bounds,
  most: number,
): Promise<Collected> {
  const collector = new Collector(most);
  const { frames } = collector;
  for await (const line of lines) {
    // Requests are bounded too; what a server answers is looked at all the same.
    if (!bounds.shows(topicInLine(line))) continue;
    if (collector.isFull) return { frames, last: collector.last, truncated: true };
    collector.add(line);
  }
  return { frames, last: collector.last, truncated: false };
}
