import { XsError } from "../core/error.ts";
import { parseId } from "../core/id.ts";
import { parseTopicFilter } from "../core/pattern.ts";
import type { Direction } from "../store/types.ts";
import type { Call } from "./call.ts";
import { frameResponse, TIMESTAMP } from "./frame.ts";
import { type Values, value } from "./options.ts";

export const NEIGHBOUR_OPTIONS = {
  topic: value("only frames of these topics", (text) => ({ topics: parseTopicFilter(text) })),
  "with-timestamp": TIMESTAMP,
};

/** Makes the route that returns the frame after or before an id. No frame need have that id. */
export function neighbour(direction: Direction) {
  return (
    { store }: Call,
    { topic, "with-timestamp": timestamp }: Values<typeof NEIGHBOUR_OPTIONS>,
    id: string,
  ): Response => {
    const line = store.neighbour(parseId(id), direction, topic?.topics);
    if (line === undefined) {
      throw new XsError("not_found", `there is no ${direction} frame of ${id}`);
    }
    return frameResponse(line, timestamp);
  };
}
