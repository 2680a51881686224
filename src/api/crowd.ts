import { XsError } from "../core/error.ts";
import type { Call } from "./call.ts";

/**
 * Checks that there is room for a response that may last. Call it before such a response: the last
 * descriptors are for requests that end.
 *
 * @throws XsError `too_many_files`
 */
export function checkCrowd({ context }: Call): void {
  const problem = context.crowded?.();
  if (problem !== undefined) throw new XsError("too_many_files", problem);
}
