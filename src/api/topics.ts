import { parseTopicFilter } from "../core/pattern.ts";
import type { Call } from "./call.ts";
import { linesResponse } from "./line-response.ts";
import { type Values, value } from "./options.ts";

/** The options of `GET /-/topics`. */
export const TOPICS_OPTIONS = {
  topic: value("only these topics", "topics", (text) => ({ patterns: parseTopicFilter(text) })),
};

/** Streams a line for each topic that has frames, by name. */
export function topics(call: Call, { topic }: Values<typeof TOPICS_OPTIONS>): Response {
  const open = () => call.store.topics(topic?.patterns);
  return linesResponse(call, open, (line) => (JSON.parse(line) as { last: string }).last);
}
