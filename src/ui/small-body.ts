import { XsError } from "../core/error.ts";

/** The most bytes of a request to the inspector itself: a key, or the name of a processor. */
const MAX_BYTES = 4096;

/** Reads a body that is to be small, whatever its head says of it. @throws XsError `body_too_large` */
export async function smallBody({ body }: Request): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  // Leaving the loop cancels the body.
  for await (const bytes of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += bytes.byteLength;
    if (size > MAX_BYTES) {
      throw new XsError("body_too_large", `the inspector takes ${MAX_BYTES} bytes here`);
    }
    text += decoder.decode(bytes, { stream: true });
  }
  return text + decoder.decode();
}
