import { linesIn } from "../core/frame.ts";
import { preferred } from "./accept.ts";

export const EVENTS = "text/event-stream";
export const LINES = "application/x-ndjson";

/** Tells whether the client prefers server-sent events. */
export function wantsEvents(request: Request): boolean {
  return preferred(request.headers.get("accept"), [EVENTS, LINES]) === EVENTS;
}

/** Makes an event with `id` and `data` of each line (https://html.spec.whatwg.org/#server-sent-events). */
export function toEvents(ndjson: Uint8Array, idOf: (line: string) => string): Uint8Array {
  const lines = linesIn(ndjson);
  return Buffer.from(lines.map((line) => `id: ${idOf(line)}\ndata: ${line}\n\n`).join(""));
}
