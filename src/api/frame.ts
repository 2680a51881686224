import { quoted, XsError } from "../core/error.ts";
import { pageOf, withTimestamp } from "../core/frame.ts";
import { parseId } from "../core/id.ts";
import { parseInline } from "../core/read-options.ts";
import type { Store } from "../store/store.ts";
import type { Call } from "./call.ts";
import { lineBytesResponse, lineResponse } from "./json-response.ts";
import { flag, type Option, type Values } from "./options.ts";

export const TIMESTAMP = flag("adds the time of each frame, from its id");
/** The option `content`, which is `inline` or absent. */
export const INLINE: Option<boolean> = {
  about: "inline adds the content of each frame",
  type: "inline",
  absent: false,
  parse: parseInline,
};
/** The options of every request that returns frames. */
export const FRAME_OPTIONS = { "with-timestamp": TIMESTAMP, content: INLINE };

/** Responds with the frame of an id. */
export function get(
  { store }: Call,
  options: Values<typeof FRAME_OPTIONS>,
  id: string,
): Response | Promise<Response> {
  return readFrameResponse(store, findFrame(store, id), options);
}

/** Removes a frame for good; a missing frame is no error. */
export async function remove({ store }: Call, _: object, id: string): Promise<Response> {
  await store.remove(parseId(id));
  return new Response(null, { status: 204 });
}

/** Responds with one frame as JSON. */
export function frameResponse(line: string, timestamp = false): Response {
  return lineResponse(timestamp ? withTimestamp(line) : line);
}

/** Responds with one frame as a read asks for it. */
export function readFrameResponse(
  store: Store,
  line: string,
  { "with-timestamp": timestamp, content }: Values<typeof FRAME_OPTIONS>,
): Response | Promise<Response> {
  const stamped = timestamp ? withTimestamp(line) : line;
  if (!content) return lineResponse(stamped);
  return store.content.inline(pageOf([stamped])).then(({ bytes }) => lineBytesResponse(bytes));
}

/** Finds a frame and returns its line. @throws XsError `bad_id`, `not_found` */
export function findFrame(store: Store, id: string): string {
  if (!/^[0-9a-z]{25}$/i.test(id)) {
    throw new XsError(
      "bad_id",
      `${quoted(id)} is not an id; to read a topic, ask for /stream/${id.slice(0, 80)}`,
    );
  }
  const line = store.get(parseId(id));
  if (line === undefined) throw missingFrame(id);
  return line;
}

/** The error of a request for a frame that is not there. */
export function missingFrame(id: string): XsError {
  return new XsError("not_found", `there is no frame ${id}`);
}
