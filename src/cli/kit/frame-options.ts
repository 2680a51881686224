import type { ArgsDef } from "citty";
import { type Format, SHOW_OPTIONS } from "./show.ts";
import { flag } from "./verb.ts";

/** The options of every verb that prints frames of the store. */
export const FRAME_OPTIONS = {
  "with-timestamp": flag("add the time to each frame"),
  content: flag("add the content to each frame, up to 256 KiB of it"),
  ...SHOW_OPTIONS,
} satisfies ArgsDef;

/** Options of the command line as those of a request. @param format what people see has its content */
export function parametersOf(
  options: ReadonlyMap<string, string>,
  format: Format,
): [string, string][] {
  const own = new Set([...Object.keys(SHOW_OPTIONS), "content", "reconnect"]);
  const parameters = [...options].filter(([name]) => !own.has(name));
  const hasContent = options.has("content") || format === "lines" || format === "long";
  return hasContent ? [...parameters, ["content", "inline"]] : parameters;
}
