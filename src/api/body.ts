import { XsError } from "../core/error.ts";
import { MAX_SMALL_CONTENT } from "../store/content.ts";
import type { Store } from "../store/store.ts";
import type { TakenContent } from "../store/types.ts";
import type { Room } from "./room.ts";

/**
 * Stores the body of a request; null for an empty body. A body that breaks off is refused, and no frame
 * refers to it.
 *
 * @throws XsError `body_cut_off`
 */
export async function takeBody(
  store: Store,
  request: Request,
  ephemeral = false,
): Promise<TakenContent | null> {
  const length = request.headers.get("content-length");
  if (length === "0") return null;
  try {
    // Reading a small body as a stream would cost more than the rest of the append.
    if (length !== null && Number(length) <= MAX_SMALL_CONTENT) {
      return await store.content.take(await request.bytes(), ephemeral);
    }
    return await store.content.take(request.body, ephemeral);
  } catch (error) {
    throw bodyError(error);
  }
}

/**
 * Reads a body of at most `most` bytes into memory.
 *
 * @param what names the body in a message, as in "a value"
 * @param room counts the bytes in memory
 * @throws XsError `body_too_large`, `body_cut_off`, `too_many_requests`
 */
export async function readBody(
  request: Request,
  most: number,
  what: string,
  room: Room,
): Promise<Uint8Array> {
  const tooLarge = new XsError("body_too_large", `${what} is at most ${most} bytes`);
  const length = request.headers.get("content-length");
  if (Number(length) > most) throw tooLarge;
  using share = room.take(0);
  try {
    // A larger body takes room as its bytes arrive: a client could claim any length.
    if (length !== null && Number(length) <= MAX_SMALL_CONTENT) return await request.bytes();
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of request.body ?? []) {
      size += chunk.length;
      if (size > most) throw tooLarge;
      share.more(chunk.length);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    throw bodyError(error);
  }
}

/** Turns the error of a failed read of a body into one for the client. */
export function bodyError(error: unknown): unknown {
  return (error as Error).name === "AbortError" ? bodyCutOff(error) : error;
}

/** The error for a body that ended too early. */
export function bodyCutOff(cause: unknown): XsError {
  return new XsError("body_cut_off", "the body ended before it was complete, so nothing was kept", {
    cause,
  });
}
