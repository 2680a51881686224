import { idInLine } from "../core/frame.ts";
import type { ReadOptions } from "../core/read-options.ts";
import { pulled } from "../lib/streams.ts";
import type { LineReader } from "../store/frame-reader.ts";
import { InlineReader } from "../store/inline-reader.ts";
import { STREAMED } from "./answer-headers.ts";
import type { Call } from "./call.ts";
import { brokeOff, checkCrowd } from "./lasting-answer.ts";
import { EVENTS, LINES, toEvents, wantsEvents } from "./sse.ts";

/**
 * Streams lines at the pace of the client: as NDJSON, or as server-sent events if the client prefers them
 * (https://html.spec.whatwg.org/#server-sent-events). `idOf` finds the event's id in a line.
 */
export function linesResponse(
  call: Call,
  open: () => LineReader,
  idOf: (line: string) => string,
): Response {
  const { request } = call;
  const events = wantsEvents(request);
  const headers = {
    ...STREAMED,
    "content-type": events ? EVENTS : LINES,
    "x-content-type-options": "nosniff",
  };
  if (request.method === "HEAD") {
    // Only a token may be refused what it asks for.
    if (call.access) open().close();
    return new Response(null, { headers });
  }
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

/** Streams the frames of a read. @throws XsError `too_many_files`, for a read that follows or waits */
export function readResponse(call: Call, options: ReadOptions): Response {
  if (options.follow || options.wait !== undefined) checkCrowd(call);
  const { store } = call;
  const open = () => {
    const reader = store.read(options);
    return options.withContent ? new InlineReader(reader, store.content) : reader;
  };
  return linesResponse(call, open, idInLine);
}
