import { XsError } from "../core/error.ts";
import { parseId } from "../core/id.ts";
import { parseTopicFilter } from "../core/pattern.ts";
import type { Direction } from "../store/types.ts";
import type { Call } from "./call.ts";
import { FRAME_OPTIONS, readFrameResponse } from "./frame.ts";
import { type Values, value } from "./options.ts";

export const NEIGHBOUR_OPTIONS = {
  topic: value("only frames of these topics", "topics", (text) => ({
    topics: parseTopicFilter(text),
  })),
  ...FRAME_OPTIONS,
};

/** Makes the route that returns the frame after or before an id. No frame need have that id. */
export function neighbour(direction: Direction) {
  return (
    { store }: Call,
    { topic, ...options }: Values<typeof NEIGHBOUR_OPTIONS>,
    id: string,
  ): Response | Promise<Response> => {
    const line = store.neighbour(parseId(id), direction, topic?.topics);
    if (line === undefined) {
      throw new XsError("not_found", `there is no ${direction} frame of ${id}`);
    }
    return readFrameResponse(store, line, options);
  };
}
