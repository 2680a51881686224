import { idInLine, lastIdIn, linesIn, pageOf } from "../../core/frame.ts";
import { HTTP_REQUEST } from "../../core/http.ts";
import { topicInLine } from "../../core/index-keys.ts";
import { type Place, placeOf } from "../../core/place.ts";

/** The frames of a page that a handler takes. */
export interface HandlerPage {
  /** NDJSON. */
  readonly bytes: Uint8Array;
  /** The place of the last of them. */
  readonly last: Place;
  /** The position of all of them, if they arrived late. */
  readonly position: string | undefined;
}

/** A part of the order of arrival: after one place, and before another. */
export interface Between {
  readonly after?: Place | undefined;
  readonly before?: Place | undefined;
}

/** Splits a page into pages of one frame. */
export function framesOf({ bytes, position }: HandlerPage): HandlerPage[] {
  return linesIn(bytes).map((line) => ({
    bytes: pageOf([line]),
    last: placeOf(idInLine(line), position),
    position,
  }));
}

/**
 * Selects the frames of a page that are for a handler: not its own output, and no HTTP requests that an import brought.
 * Most pages pass unchanged and without a copy.
 *
 * @param position of the page, if its frames arrived late
 * @param isOwn whether an encoded frame, which may name a spawn, is the handler's own
 * @returns undefined if none is left
 */
export function forHandler(
  bytes: Uint8Array,
  position: string | undefined,
  { after, before }: Between,
  isOwn: (line: string, id: string) => boolean,
): HandlerPage | undefined {
  const page = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const mayBeOwn = page.includes('"handler_id":"') || page.includes('"spawn_id":"');
  const isWhole = before === undefined && after === undefined && position === undefined;
  if (!mayBeOwn && isWhole) return { bytes, last: lastIdIn(bytes), position };
  const kept = linesIn(bytes).filter((line) => {
    const id = idInLine(line);
    const place = placeOf(id, position);
    if (before !== undefined && place >= before) return false;
    if (after !== undefined && place <= after) return false;
    // The client of such a request is elsewhere, or gone.
    if (position !== undefined && topicInLine(line) === HTTP_REQUEST) return false;
    return !mayBeOwn || !isOwn(line, id);
  });
  const last = kept.at(-1);
  return last === undefined
    ? undefined
    : { bytes: pageOf(kept), last: placeOf(idInLine(last), position), position };
}

const THRESHOLD = Buffer.from('{"topic":"stream.cross.threshold"');

/** Whether a page is the threshold between the history and live frames, which no handler gets. */
export function isThreshold(bytes: Uint8Array): boolean {
  return THRESHOLD.equals(bytes.subarray(0, THRESHOLD.length));
}
