import type { Call } from "./call.ts";
import { findFrame, frameResponse } from "./frame-response.ts";

/** Responds with one frame. */
export function get(
  { store }: Call,
  { "with-timestamp": timestamp }: { "with-timestamp": boolean },
  id: string,
): Response {
  return frameResponse(findFrame(store, id), timestamp);
}
