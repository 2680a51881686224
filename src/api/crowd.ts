import { XsError } from "../core/error.ts";
import type { Call } from "./call.ts";

/**
 * To be asked before an answer that may last as long as its client likes: where few descriptors are left, these
 * are for requests that end.
 *
 * @throws XsError `too_many_files`
 */
export function checkCrowd({ context }: Call): void {
  const problem = context.crowded?.();
  if (problem !== undefined) throw new XsError("too_many_files", problem);
}
