import { pulled } from "../lib/streams.ts";
import { STREAMED } from "./answer-headers.ts";
import { brokeOff } from "./broken-answer.ts";
import type { Call } from "./call.ts";
import { EVENTS, LINES, toEvents, wantsEvents } from "./sse.ts";

/** A source of lines: `next` resolves to some whole lines, or to undefined at the end. */
export interface LineSource {
  next(): Promise<Uint8Array | undefined>;
  close(): void;
}

/**
 * Streams lines at the pace of the client: as NDJSON, or as server-sent events if the client prefers them
 * (https://html.spec.whatwg.org/#server-sent-events). `idOf` finds the event's id in a line.
 */
export function linesResponse(
  call: Call,
  open: () => LineSource,
  idOf: (line: string) => string,
): Response {
  const { request } = call;
  const events = wantsEvents(request);
  const headers = {
    ...STREAMED,
    "content-type": events ? EVENTS : LINES,
    "x-content-type-options": "nosniff",
  };
  if (request.method === "HEAD") return new Response(null, { headers });
  const source = open();
  const next = async () => {
    const bytes = await source.next();
    return bytes && events ? toEvents(bytes, idOf) : bytes;
  };
  return new Response(
    pulled(next, () => source.close(), brokeOff(call)),
    { headers },
  );
}
