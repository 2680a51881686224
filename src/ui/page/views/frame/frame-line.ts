import { ask } from "../../lib/ask.ts";
import { type Frame, parseFrame } from "../../lib/frame.ts";
import { namesIn } from "./relations.ts";

/** A frame, with what its line has that a parsed one has not. */
export interface FrameLine {
  readonly frame: Frame;
  /** The frames that it names in its meta, with the member that does it. */
  readonly names: ReadonlyMap<string, string>;
}

/** Reads one frame. @param id as the address of the page has it @throws Problem */
export async function readFrame(id: string, signal: AbortSignal): Promise<FrameLine> {
  const line = await (await ask(`/${encodeURIComponent(id)}`, { signal })).text();
  return { frame: parseFrame(line), names: namesIn(line) };
}
