import { type Frame, idInLine, lastIdIn, linesIn, pageOf } from "../../core/frame.ts";

/** The frames of a page that a handler takes. */
export interface HandlerPage {
  /** NDJSON. */
  readonly bytes: Uint8Array;
  readonly lastId: string;
}

/** Splits a page into pages of one frame. */
export function framesOf({ bytes }: HandlerPage): HandlerPage[] {
  return linesIn(bytes).map((line) => ({ bytes: pageOf([line]), lastId: idInLine(line) }));
}

/**
 * Removes the frames that a handler has written, and those that the runtime wrote about it: frames whose meta names
 * one of its spawns. Most pages have none, and pass unchanged and without a copy.
 *
 * @param spawnIds the ids of all spawns of the handler's name, including later ones
 * @returns the other frames of a page, after one id and before another; undefined if none is left
 */
export function withoutOwn(
  bytes: Uint8Array,
  spawnIds: ReadonlySet<string>,
  before?: string,
  after?: string,
): HandlerPage | undefined {
  const page = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const mayBeOwn = page.includes('"handler_id":"') || page.includes('"spawn_id":"');
  if (!mayBeOwn && before === undefined && after === undefined) {
    return { bytes, lastId: lastIdIn(bytes) };
  }
  const kept = linesIn(bytes).filter((line) => {
    const id = idInLine(line);
    if ((before !== undefined && id >= before) || (after !== undefined && id <= after))
      return false;
    return !mayBeOwn || !isOwn(line, id, spawnIds);
  });
  const last = kept.at(-1);
  return last === undefined ? undefined : { bytes: pageOf(kept), lastId: idInLine(last) };
}

function isOwn(line: string, id: string, spawnIds: ReadonlySet<string>): boolean {
  if (spawnIds.has(id)) return true;
  if (!line.includes('_id":"')) return false;
  const { meta } = JSON.parse(line) as Frame;
  const { handler_id: handler, spawn_id: spawn } = (meta ?? {}) as Record<string, unknown>;
  return spawnIds.has(handler as string) || spawnIds.has(spawn as string);
}

const THRESHOLD = Buffer.from('{"topic":"stream.cross.threshold"');

/** Whether a page is the threshold between the history and live frames, which no handler gets. */
export function isThreshold(bytes: Uint8Array): boolean {
  return THRESHOLD.equals(bytes.subarray(0, THRESHOLD.length));
}
