import { XsError } from "../core/error.ts";
import { encodeFrame } from "../core/frame.ts";
import type { Import, ImportResult } from "../store/import.ts";
import type { ImportFrame } from "../store/types.ts";
import { eachLine, LineError } from "./body-lines.ts";
import type { Call } from "./call.ts";
import { MAX_CONTENT_LINE, parseContentLine } from "./import-lines.ts";
import { ImportReport } from "./import-report.ts";
import { readTar } from "./import-tar.ts";
import { jsonResponse, lineResponse } from "./json-response.ts";
import { flag } from "./options.ts";
import { peek } from "./peek.ts";
import type { Share } from "./room.ts";
import { BLOCK, badTar, isTar, lacksOfTar, unpacker } from "./tar-entries.ts";

export const IMPORT_OPTIONS = {
  ahead: flag("accepts ids that are far ahead of the clock"),
  "no-processors": flag("omits spawns"),
  restore: flag("brings back what was removed here"),
};

/**
 * Imports a body and keeps its ids: the tar of an export, or frames as NDJSON. It reads and checks all of it first. The
 * response to one frame as NDJSON is that frame, with the counts in a header; any other response is the counts.
 *
 * @throws XsError `bad_tar`, `body_cut_off`, `disk_full`, or the error of a line
 */
export async function importAll(
  { store, request, context, rooms }: Call,
  options: Record<keyof typeof IMPORT_OPTIONS, boolean>,
): Promise<Response> {
  const { head, chunks } = await peek(request.body, BLOCK);
  const report = new ImportReport(store, context, options["no-processors"]);
  if (isTar(head)) {
    using _ = rooms.tars.take();
    using incoming = store.beginImport(options);
    const { contents, pairs } = await readTar(incoming, chunks, report);
    const counts = await commit(incoming, report);
    return jsonResponse({ ...counts.main, contents, pairs, ...counts.more });
  }
  const unpack = unpacker(head);
  if (unpack) throw badTar(`the body is compressed: unpack it first, with  ${unpack}`);
  const lack = lacksOfTar(head);
  if (lack) throw badTar(lack);
  using share = rooms.bytes.take(0);
  using incoming = store.beginImport(options);
  const { lines, last } = await readLines(incoming, chunks, report, share);
  const { main, more } = await commit(incoming, report);
  const isThere = !more.left_out && !more.stay_removed;
  if (lines !== 1 || !last || !isThere) return jsonResponse({ ...main, ...more });
  const response = lineResponse(encodeFrame(last.id, { ...last, ttl: last.ttl.text }));
  response.headers.set("xs-import", asciiJson({ ...main, ...more }));
  return response;
}

/** Reads frames from NDJSON; returns how many, and the last one. */
async function readLines(
  incoming: Import,
  chunks: AsyncIterable<Uint8Array>,
  report: ImportReport,
  share: Share,
): Promise<{ lines: number; last: ImportFrame | undefined }> {
  let last: ImportFrame | undefined;
  let held = 0;
  const take = (line: string) => {
    const { frame, content } = parseContentLine(line);
    last = frame;
    const isTaken = report.takes(frame);
    if (isTaken) incoming.add({ frame });
    if (incoming.inMemory < held) {
      share.release();
      held = 0;
    }
    share.more(incoming.inMemory - held);
    held = incoming.inMemory;
    return isTaken && content && frame.hash !== null
      ? addContent(incoming, frame.hash, content)
      : undefined;
  };
  try {
    return { lines: await eachLine(chunks, MAX_CONTENT_LINE, take), last };
  } catch (error) {
    throw withKept(error, "nothing was imported");
  }
}

async function addContent(incoming: Import, hash: string, content: Uint8Array): Promise<void> {
  // Its hash was checked with its line.
  await incoming.addContent(hash, content.length, onePiece(content));
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The counts of an import, and the members of the response that there are only where something is to be told. */
async function commit(incoming: Import, report: ImportReport) {
  await report.begins();
  let result: ImportResult;
  try {
    result = await incoming.commit();
  } catch (error) {
    const { done } = incoming;
    const frames = done === 1 ? "1 frame is" : `${done} frames are`;
    const kept =
      done === 0 ? "no frame was imported" : `${frames} in: import it again for the rest`;
    throw withKept(error, kept);
  }
  const { added } = result;
  return {
    main: { frames: result.frames + report.leftOut, added },
    more: await report.unexpected(result),
  };
}

/** Adds to the error of an import what of it was kept. */
function withKept(error: unknown, kept: string): unknown {
  const failure = error instanceof LineError ? error.reason : error;
  if (!(failure instanceof XsError)) return failure;
  return new XsError(failure.code, `${(error as Error).message} (${kept})`, { cause: error });
}

/** Encodes JSON in ASCII, for a header. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
