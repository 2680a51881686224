import { XsError } from "../core/error.ts";
import { encodeFrame, parseFrame } from "../core/frame.ts";
import { parseTtl } from "../core/ttl.ts";
import type { ImportFrame } from "../store/types.ts";
import { eachLine, LineError } from "./body-lines.ts";
import type { Call } from "./call.ts";
import { MAX_FRAME_LINE } from "./import-lines.ts";
import { FrameImport, type Unexpected } from "./import-report.ts";
import { importTar } from "./import-tar.ts";
import { jsonResponse, lineResponse } from "./json-response.ts";
import { peek } from "./peek.ts";
import type { Room } from "./room.ts";
import { BLOCK, badTar, isTar, lacksOfTar, unpacker } from "./tar-entries.ts";

/** The most frames, and bytes of frames, of one commit; a larger import takes several. */
const MAX_STEP_LINES = 10_000;
const MAX_STEP_BYTES = 16 * 1024 * 1024;

/** The counts of an NDJSON import; `added` counts the frames that the store did not have. */
interface LineImport extends Unexpected {
  frames: number;
  added: number;
}

/** Imports a body and keeps its ids: the tar of an export, or frames as NDJSON. */
export async function importAll(
  { store, request, context, rooms }: Call,
  { ahead, "no-processors": noProcessors }: { ahead: boolean; "no-processors": boolean },
): Promise<Response> {
  const frames = new FrameImport(store, context, { ahead, noProcessors });
  const { head, chunks } = await peek(request.body, BLOCK);
  if (isTar(head)) {
    using _ = rooms.tars.take();
    return jsonResponse(await importTar(store, chunks, frames));
  }
  const unpack = unpacker(head);
  if (unpack) throw badTar(`the body is compressed: unpack it first, with  ${unpack}`);
  const lack = lacksOfTar(head);
  if (lack) throw badTar(lack);
  return importFrames(chunks, frames, rooms.bytes);
}

/**
 * Imports frames from NDJSON. The response to one frame is that frame, with the counts in a header; the
 * response to several is the counts. A body of at most {@link MAX_STEP_LINES} lines is added whole or not
 * at all; a longer one in steps, and an error states how many frames are in. Importing again is always safe.
 */
async function importFrames(
  chunks: AsyncIterable<Uint8Array>,
  frames: FrameImport,
  room: Room,
): Promise<Response> {
  using share = room.take(0);
  const total: LineImport = { frames: 0, added: 0 };
  let step: ImportFrame[] = [];
  let stepBytes = 0;
  let only = "";
  const commit = async () => {
    total.added += await frames.step(step);
    total.frames += step.length;
    step = [];
    stepBytes = 0;
    share.release();
  };
  const take = (line: string) => {
    const fields = parseFrame(line);
    step.push({ ...fields, ttl: parseTtl(fields.ttl) });
    share.more(line.length);
    stepBytes += line.length;
    only = encodeFrame(fields.id, fields);
    if (step.length >= MAX_STEP_LINES || stepBytes >= MAX_STEP_BYTES) return commit();
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
  const counts = { ...total, ...(await frames.unexpected()) };
  if (total.frames !== 1 || counts.left_out) return jsonResponse(counts);
  const response = lineResponse(only);
  response.headers.set("xs-import", asciiJson(counts));
  return response;
}

/** Encodes JSON in ASCII, for a header. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
