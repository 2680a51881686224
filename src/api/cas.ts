import { XsError } from "../core/error.ts";
import { hashOf, parseHash } from "../core/hash.ts";
import type { Store } from "../store/store.ts";
import type { TakenContent } from "../store/types.ts";
import { STORED_BYTES } from "./answer-headers.ts";
import { takeBody } from "./body.ts";
import type { Call } from "./call.ts";
import { isKnown, isRangeFor } from "./conditions.ts";

/** Empty content: an append omits it, but a client may store it on purpose. */
const EMPTY: TakenContent = { hash: hashOf(new Uint8Array()), size: 0, bytes: new Uint8Array() };

/** Stores the body as content and returns its hash as text. */
export async function casPost({ store, request }: Call): Promise<Response> {
  const content = (await takeBody(store, request)) ?? EMPTY;
  await store.content.keep(content);
  return new Response(content.hash, { headers: { "content-type": "text/plain" } });
}

/** Responds with the content of a hash. */
export function cas({ store, request }: Call, _: object, hash: string): Promise<Response> {
  return contentResponse(store, parseHash(hash), request);
}

/**
 * Responds with content, whole or in the requested range. A hash always names the same bytes, so it is the ETag.
 *
 * @throws XsError `content_not_found`, `content_damaged`, `range_not_satisfiable`, `precondition_failed`
 */
export async function contentResponse(
  store: Store,
  hash: string,
  request: Request,
): Promise<Response> {
  const content = await store.content.open(hash);
  if (!content) {
    throw new XsError("content_not_found", `there is no content ${hash} in this store`);
  }
  const validators = { ...STORED_BYTES, etag: `"${hash}"` };
  if (isKnown(request, hash)) return new Response(null, { status: 304, headers: validators });
  const headers: Record<string, string> = {
    ...validators,
    "accept-ranges": "bytes",
    "content-type": "application/octet-stream",
  };
  // HEAD has no ranges (RFC 9110, 14.2).
  const isRanged = request.method === "GET" && isRangeFor(request, hash);
  const asked = isRanged ? request.headers.get("range") : null;
  const range = parseRange(asked, content.size);
  if (range === "unsatisfiable") {
    throw new XsError(
      "range_not_satisfiable",
      `the content has ${content.size} bytes, not ${asked}`,
      { headers: { "content-range": `bytes */${content.size}` } },
    );
  }
  const [start, end] = range ?? [0, content.size];
  headers["content-length"] = String(end - start);
  if (range) headers["content-range"] = `bytes ${start}-${end - 1}/${content.size}`;
  const body = range ? content.slice(start, end) : content;
  return new Response(body.size === 0 ? "" : body, { status: range ? 206 : 200, headers });
}

/**
 * Parses one byte range (RFC 9110, 14.1.2) as [start, end); undefined for the whole: no Range header,
 * or one that a server may ignore, such as several ranges or another unit.
 */
function parseRange(
  header: string | null,
  size: number,
): [number, number] | "unsatisfiable" | undefined {
  const [, from = "", to = ""] = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? "") ?? [];
  if (from === "" && to === "") return undefined;
  const start = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === "" || to === "" ? size : Math.min(size, Number(to) + 1);
  if (from !== "" && to !== "" && Number(to) < Number(from)) return undefined;
  return start < end ? [start, end] : "unsatisfiable";
}
