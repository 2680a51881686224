import { XsError } from "../frame/error.ts";
import { encodeFrame, parseFrame } from "../frame/frame.ts";
import { parseTtl } from "../frame/ttl.ts";
import type { ImportFrame, ImportResult, Store } from "../store/store.ts";
import type { Call } from "./api.ts";
import { peek } from "./chunks.ts";
import { MAX_FRAME_LINE } from "./import-lines.ts";
import { importTar } from "./import-tar.ts";
import { jsonResponse, lineResponse } from "./json.ts";
import { eachLine, LineError } from "./lines.ts";
import { onlyOptions } from "./query.ts";
import { badTar, isTar } from "./tar-entries.ts";

/** Frames that are committed in one step; a larger import takes several. */
const STEP_LINES = 10_000;
const STEP_BYTES = 16 * 1024 * 1024;
/** Enough of a body to tell what it is. */
const BLOCK = 512;

/** Adds what a body brings, ids kept: the tar of an export, or frames as NDJSON. */
export async function importAll({ store, request, url }: Call): Promise<Response> {
  onlyOptions(url, []);
  const { head, chunks } = await peek(request.body, BLOCK);
  if (isTar(head)) return jsonResponse(await importTar(store, chunks));
  if (head[0] === 0x1f && head[1] === 0x8b) {
    throw badTar("the body is compressed: unpack it first, with  gunzip");
  }
  return importFrames(store, chunks);
}

/**
 * Adds frames given as NDJSON. One frame is given back as it is; of several, the counts. A body of
 * at most {@link STEP_LINES} lines is added whole or not at all; a longer one in steps, and an error
 * tells how many lines are in. Importing again is always safe.
 */
async function importFrames(store: Store, chunks: AsyncIterable<Uint8Array>): Promise<Response> {
  const total: ImportResult = { frames: 0, added: 0 };
  let step: ImportFrame[] = [];
  let stepBytes = 0;
  let only = "";
  const commit = async () => {
    const { frames, added } = await store.import(step);
    total.frames += frames;
    total.added += added;
    step = [];
    stepBytes = 0;
  };
  const take = (line: string) => {
    const fields = parseFrame(line);
    step.push({ ...fields, ttl: parseTtl(fields.ttl) });
    stepBytes += line.length;
    only = encodeFrame(fields.id, fields);
    if (step.length >= STEP_LINES || stepBytes >= STEP_BYTES) return commit();
  };
  try {
    await eachLine(chunks, MAX_FRAME_LINE, take);
    await commit();
  } catch (error) {
    const failure = error instanceof LineError ? error.reason : error;
    if (!(failure instanceof XsError)) throw failure;
    const kept = total.frames === 0 ? "nothing was imported" : `${total.frames} frames are in`;
    throw new XsError(failure.code, `${(error as Error).message} (${kept})`, { cause: error });
  }
  return total.frames === 1 ? lineResponse(only) : jsonResponse(total);
}
