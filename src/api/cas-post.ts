import { hashOf } from "../core/hash.ts";
import type { TakenContent } from "../store/types.ts";
import { takeBody } from "./body.ts";
import type { Call } from "./call.ts";

/** Empty content: an append omits it, but a client may store it on purpose. */
const EMPTY: TakenContent = { hash: hashOf(new Uint8Array()), size: 0, bytes: new Uint8Array() };

/** Stores the body as content and returns its hash as text. */
export async function casPost({ store, request }: Call): Promise<Response> {
  const content = (await takeBody(store, request)) ?? EMPTY;
  await store.keep(content);
  return new Response(content.hash, { headers: { "content-type": "text/plain" } });
}
