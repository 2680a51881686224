import { chunkIn } from "../core/chunk.ts";
import { XsError } from "../core/error.ts";
import type { Frame } from "../core/frame.ts";
import { STORED_BYTES, STREAMED } from "./answer-headers.ts";
import type { Call } from "./call.ts";
import { contentResponse } from "./cas.ts";
import { chunkedContent } from "./chunked.ts";
import { findFrame } from "./frame.ts";

/** Responds with the content of a frame; follows chunked content to its end. */
export async function content(call: Call, _: object, id: string): Promise<Response> {
  const { store, request } = call;
  const frame = JSON.parse(findFrame(store, id)) as Frame;
  const chunk = chunkIn(frame.meta);
  if (chunk?.of === null) {
    const type = { "content-type": "application/octet-stream" };
    const headers = { ...STORED_BYTES, ...STREAMED, ...type };
    if (request.method === "HEAD") return new Response(null, { headers });
    return new Response(chunkedContent(call, frame), { headers });
  }
  const { hash } = frame;
  if (hash === null) throw new XsError("content_not_found", `the frame ${id} has no content`);
  return contentResponse(store, hash, request);
}
