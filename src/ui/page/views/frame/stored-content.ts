import { ask, isAbort, Problem, sizeOfWhole } from "../../lib/ask.ts";
import type { Read } from "../../parts/bytes-view.tsx";

/**
 * Reads a content up to a limit: the part that follows what was read before.
 *
 * @param limit in bytes
 * @throws Problem; where the content breaks off, it says so
 */
export async function readStored(
  id: string,
  limit: number,
  before: Read | undefined,
  signal: AbortSignal,
): Promise<Read> {
  const have = before?.bytes ?? new Uint8Array();
  if (before && (have.length >= limit || have.length === before.size)) return before;
  let response: Response;
  try {
    const headers = { range: `bytes=${have.length}-${limit - 1}` };
    response = await ask(`/${id}/content`, { signal, headers });
  } catch (error) {
    // An empty content has no range.
    if (error instanceof Problem && error.status === 416) return { bytes: have, size: have.length };
    throw error;
  }
  const part = await bytesOf(response, signal);
  const bytes = new Uint8Array(have.length + part.length);
  bytes.set(have);
  bytes.set(part, have.length);
  return { bytes, size: sizeOfWhole(response) ?? bytes.length };
}

async function bytesOf(response: Response, signal: AbortSignal): Promise<Uint8Array> {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    if (isAbort(error) || signal.aborted) throw error;
    throw new Problem(
      0,
      "content_broke_off",
      "the content broke off while it was read: it may be damaged, or the server ended. xs verify checks a store.",
    );
  }
}
