import { XsError } from "../frame/error.ts";
import { parseFrame } from "../frame/frame.ts";
import type { ImportFrame, ImportResult, Store } from "../store/store.ts";
import type { Call } from "./api.ts";
import { bodyError } from "./body.ts";
import { peek } from "./chunks.ts";
import { MAX_FRAME_LINE, toImportFrame } from "./import-lines.ts";
import { importTar } from "./import-tar.ts";
import { jsonResponse, lineResponse } from "./json.ts";
import { linesOf } from "./lines.ts";
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
  let lineNumber = 0;
  const commit = async () => {
    const { frames, added } = await store.import(step);
    total.frames += frames;
    total.added += added;
    step = [];
    stepBytes = 0;
  };
  try {
    for await (const line of linesOf(chunks, MAX_FRAME_LINE)) {
      lineNumber++;
      if (line.trim() === "") continue;
      const frame = parseFrame(line);
      step.push(toImportFrame(frame));
      stepBytes += line.length;
      only = JSON.stringify(frame);
      if (step.length >= STEP_LINES || stepBytes >= STEP_BYTES) await commit();
    }
    await commit();
  } catch (error) {
    const failure = bodyError(error);
    if (!(failure instanceof XsError)) throw failure;
    const kept = total.frames === 0 ? "nothing was imported" : `${total.frames} frames are in`;
    throw new XsError(failure.code, `line ${lineNumber}: ${failure.message} (${kept})`, {
      cause: failure,
    });
  }
  return total.frames === 1 ? lineResponse(only) : jsonResponse(total);
}
