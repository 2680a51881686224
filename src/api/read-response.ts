import { idInLine } from "../core/frame.ts";
import type { ReadOptions } from "../core/read-options.ts";
import type { Call } from "./call.ts";
import { checkCrowd } from "./crowd.ts";
import { linesResponse } from "./line-response.ts";

/** Streams the frames of a read. @throws XsError `too_many_files`, for a following read */
export function readResponse(call: Call, options: ReadOptions): Response {
  if (options.follow) checkCrowd(call);
  return linesResponse(call, () => call.store.read(options), idInLine);
}
