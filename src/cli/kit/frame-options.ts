import type { ArgsDef } from "citty";
import { RUNTIME_PREFIX } from "../../core/topic.ts";
import { isTerminal, STDOUT } from "../../lib/is-terminal.ts";
import { type Format, SHOW_OPTIONS } from "./show.ts";
import { flag } from "./verb.ts";

/** The options of every verb that prints frames of the store. */
export const FRAME_OPTIONS = {
  "with-timestamp": flag("add the time to each frame"),
  content: flag("add the content to each frame, up to 256 KiB of it"),
  ...SHOW_OPTIONS,
} satisfies ArgsDef;

/** The option of every verb that reads the stream. */
export const ALL_OPTION = {
  all: flag("on a terminal, also the frames of the runtime (stream.cross.*)"),
} satisfies ArgsDef;

/**
 * The topics of a read whose command line names none: on a terminal, people want to see what was written, not the
 * runtime's frames. Undefined for all topics.
 */
export function usualTopics(
  options: ReadonlyMap<string, string>,
  format: Format,
): string | undefined {
  const isForPeople = format === "lines" || format === "long";
  if (!isForPeople || options.has("all") || !isTerminal(STDOUT)) return undefined;
  return `*,!${RUNTIME_PREFIX}*`;
}

/** Options of the command line as those of a request. @param format what people see has its content */
export function parametersOf(
  options: ReadonlyMap<string, string>,
  format: Format,
): [string, string][] {
  const own = new Set([...Object.keys(SHOW_OPTIONS), "content", "reconnect", "all"]);
  const parameters = [...options].filter(([name]) => !own.has(name));
  const hasContent = options.has("content") || format === "lines" || format === "long";
  return hasContent ? [...parameters, ["content", "inline"]] : parameters;
}
