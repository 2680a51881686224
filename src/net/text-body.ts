import { XsError } from "../core/error.ts";
import { connectionReason } from "./connection-error.ts";

/** A document in JSON of up to this many bytes comes in one piece: a command reads it in half the time of a stream. */
const SMALL_BYTES = 64 * 1024;

/** Reads the bytes of a response of the API. @throws XsError `no_server` if the connection breaks */
export function bytesIn(response: Response): Promise<Uint8Array> {
  return response.bytes().catch(brokenOff);
}

/** Reads the text of a response of the API. @throws XsError as {@link bytesIn} */
export function textIn(response: Response): Promise<string> {
  return response.text().catch(brokenOff);
}

/** Yields the chunks of a response as they arrive. @throws XsError as {@link bytesIn} */
export async function* chunksIn(response: Response): AsyncGenerator<Uint8Array> {
  if (isSmallDocument(response)) {
    const bytes = await bytesIn(response);
    if (bytes.length > 0) yield bytes;
    return;
  }
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { value, done } = await reader.read().catch(brokenOff);
      if (done) return;
      yield value;
    }
  } finally {
    // Tells the server to stop sending once nobody reads the rest.
    await reader.cancel().catch(() => {});
  }
}

/** Whether a response is one document, of which a part is worth nothing; lines and content are printed as they come. */
function isSmallDocument({ headers }: Response): boolean {
  const length = headers.get("content-length");
  const type = headers.get("content-type") ?? "";
  return length !== null && Number(length) <= SMALL_BYTES && /^application\/json(;|$)/.test(type);
}

function brokenOff(error: Error): never {
  if (error instanceof XsError) throw error;
  throw new XsError(
    "no_server",
    `the answer broke off (${connectionReason(error)}): look whether the server is gone`,
    { cause: error },
  );
}
