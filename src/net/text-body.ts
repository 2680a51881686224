import { XsError } from "../core/error.ts";
import { connectionReason } from "./connection-error.ts";

/** The bytes of an answer of the API. @throws XsError `no_server` where it breaks off */
export function bytesIn(response: Response): Promise<Uint8Array> {
  return response.bytes().catch(brokenOff);
}

/** The text of an answer of the API. @throws as {@link bytesIn} */
export function textIn(response: Response): Promise<string> {
  return response.text().catch(brokenOff);
}

/** An answer of the API as it comes. @throws as {@link bytesIn} */
export async function* chunksIn(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { value, done } = await reader.read().catch(brokenOff);
      if (done) return;
      yield value;
    }
  } finally {
    // Whoever sends it need not go on when nobody takes it any more.
    await reader.cancel().catch(() => {});
  }
}

function brokenOff(error: Error): never {
  if (error instanceof XsError) throw error;
  throw new XsError(
    "no_server",
    `the answer broke off (${connectionReason(error)}): look whether the server is gone`,
    { cause: error },
  );
}
