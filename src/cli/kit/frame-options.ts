import type { ArgsDef } from "citty";
import { flag } from "./verb.ts";

/** The options of every verb that prints frames of the store. */
export const FRAME_OPTIONS = {
  "with-timestamp": flag("add the time to each frame"),
  content: flag("add the content to each frame, up to 256 KiB of it"),
} satisfies ArgsDef;

/** Options of the command line as those of a request. */
export function parametersOf(options: ReadonlyMap<string, string>): [string, string][] {
  return [...options].map(([name, value]) => [name, name === "content" ? "inline" : value]);
}
