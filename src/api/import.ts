import { XsError } from "../frame/error.ts";
import { encodeMeta, parseFrame } from "../frame/frame.ts";
import { parseTtl } from "../frame/ttl.ts";
import type { ImportFrame, ImportResult } from "../store/store.ts";
import type { Call } from "./api.ts";
import { bodyError } from "./body.ts";
import { jsonResponse, lineResponse } from "./json.ts";
import { onlyOptions } from "./query.ts";

/** Frames that are committed in one step; a larger import takes several. */
const STEP_LINES = 10_000;
const STEP_BYTES = 16 * 1024 * 1024;
/** Longest line: the largest frame with room for escapes. */
const LINE_BYTES = 1024 * 1024;

/**
 * Adds frames given as NDJSON, ids kept. One frame is given back as it is; of several, the counts.
 * A body of at most {@link STEP_LINES} lines is added whole or not at all; a longer one in steps,
 * and an error tells how many lines are in. Importing again is always safe.
 */
export async function importFrames({ store, request, url }: Call): Promise<Response> {
  onlyOptions(url, []);
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
    for await (const line of linesOf(request.body)) {
      lineNumber++;
      if (line.trim() === "") continue;
      const frame = parseFrame(line);
      const meta = encodeMeta(frame.meta);
      step.push({ ...frame, meta, ttl: parseTtl(frame.ttl) });
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

/** The lines of a body. @throws XsError `bad_frame`, `body_too_large` */
export async function* linesOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<string> {
  if (!body) return;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (bytes?: Uint8Array) => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch {
      throw new XsError("bad_frame", "the line is not UTF-8");
    }
  };
  let rest = "";
  for await (const chunk of body) {
    const lines = (rest + decode(chunk)).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
    if (rest.length > LINE_BYTES) {
      throw new XsError("body_too_large", `a line is longer than ${LINE_BYTES} bytes`);
    }
  }
  rest += decode();
  if (rest !== "") yield rest;
}
