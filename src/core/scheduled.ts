import { idInLine, parseFrame } from "./frame.ts";
import { parseId, timestampOf } from "./id.ts";
import { formatTime } from "./time.ts";
import { RUNTIME_PREFIX } from "./topic.ts";

/**
 * Below this the k/v store has an entry for each append that is scheduled: its key ends with an id of the time when it is
 * due, so that the order of keys is that of the appends. Its value is the frame as a line, with this id.
 */
export const SCHEDULED_PREFIX = `${RUNTIME_PREFIX}scheduled/`;
/** The first text above every such key. */
export const SCHEDULED_END = `${RUNTIME_PREFIX}scheduled0`;

/** The media type of such an entry. */
export const SCHEDULED_TYPE = "application/json";

/** The key of the entry of a scheduled append. */
export function scheduledKey(id: string): string {
  return SCHEDULED_PREFIX + id;
}

/** The id in such a key. @throws XsError `bad_id` */
export function idInKey(key: string): string {
  return parseId(key.slice(SCHEDULED_PREFIX.length));
}

/**
 * Parses the value of such an entry.
 *
 * @param id in its key
 * @throws XsError the problem of the frame, or `bad_id`
 */
export function parseScheduled(id: string, value: Uint8Array): ReturnType<typeof parseFrame> {
  const frame = parseFrame(new TextDecoder().decode(value));
  parseId(frame.id === id ? id : "");
  return frame;
}

/** The line that answers an append which is scheduled. @param line the frame, with the id of the schedule */
export function scheduledLine(line: string, topic: string): string {
  const id = idInLine(line);
  return `{"scheduled":"${id}","at":"${formatTime(timestampOf(id))}","topic":"${topic}"}`;
}

/** Whether a line of the answer to an append is that of a scheduled one. */
export function isScheduledLine(line: string): boolean {
  return line.startsWith('{"scheduled":');
}
