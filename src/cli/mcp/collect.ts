import { idInLine } from "../../core/frame.ts";
import { topicInLine } from "../../core/index-keys.ts";
import type { Bounds } from "./bounds.ts";
import { type FrameView, frameView } from "./frame-view.ts";

/** An answer takes about so many characters of JSON, and ends with the frame that goes beyond. */
const MAX_ANSWER = 48_000;

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
  const frames: FrameView[] = [];
  let size = 0;
  let last: string | undefined;
  for await (const line of lines) {
    // Requests are bounded too; what a server answers is looked at all the same.
    if (!bounds.shows(topicInLine(line))) continue;
    if (frames.length >= most || size >= MAX_ANSWER) return { frames, last, truncated: true };
    const frame = frameView(line);
    frames.push(frame);
    size += JSON.stringify(frame).length;
    last = idInLine(line);
  }
  return { frames, last, truncated: false };
}
