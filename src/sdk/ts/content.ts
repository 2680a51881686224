import { isJsonType } from "../../core/entry.ts";
import { XsError } from "../../core/error.ts";
import { answerTo } from "../../core/http.ts";
import type { Json } from "../../core/json.ts";
import { unknownKeys } from "../../core/known-keys.ts";
import { bytesOfText } from "../../core/utf8.ts";
import { contentJsonOf, isPlain, jsonOf } from "./json.ts";

/** Encodes content for a line: text, bytes in base64, or JSON as text. @throws XsError `bad_frame`; Unsettled */
export function encodeContent(value: unknown): { content?: string; base64?: string } {
  if (typeof value === "string") {
    bytesOfText(value, "the content");
    return { content: value };
  }
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString("base64") };
  return { content: contentJsonOf(value, "the content") };
}

/** Encodes a value of the k/v store as bytes, with their media type. @throws XsError `bad_frame`; Unsettled */
export function encodeValue(value: unknown): { bytes: Uint8Array; type: string } {
  if (typeof value === "string")
    return { bytes: bytesOfText(value, "the value"), type: "text/plain; charset=utf-8" };
  if (value instanceof Uint8Array) return { bytes: value, type: "application/octet-stream" };
  return { bytes: Buffer.from(contentJsonOf(value, "the value")), type: "application/json" };
}

/** The inverse of {@link encodeValue}. */
export function decodeValue(bytes: Uint8Array, type: string): unknown {
  if (isJsonType(type)) return JSON.parse(new TextDecoder().decode(bytes)) as Json;
  if (/^text\//i.test(type)) return new TextDecoder().decode(bytes);
  return bytes;
}

/** Checks the options of an append. @throws XsError `bad_option` */
export function appendOptions(options: XsAppendOptions): XsAppendOptions {
  if (typeof options !== "object" || options === null) {
    throw new XsError("bad_option", "the options of an append are an object { meta?, ttl?, at? }");
  }
  const unknown = unknownKeys(options, ["meta", "ttl", "at"], "append");
  if (unknown !== undefined) throw new XsError("bad_option", unknown);
  return options;
}

const RESPONSE = ["status", "headers", "body", "more"];

/**
 * Makes the frame that answers an `http.request`; a body that is neither text nor bytes becomes JSON. The
 * frame has the ttl of the request, if that is known.
 *
 * @throws XsError `bad_frame` if the response is malformed; Unsettled
 */
export function encodeResponse<Known extends string | undefined>(
  request: { readonly id: string; readonly ttl: Known },
  response: XsResponse & { more?: boolean },
): { topic: string; meta: Json; ttl: Known; content?: string; base64?: string } {
  const { status, headers = {}, body, more } = checkedResponse(response);
  const isJson = body !== undefined && typeof body !== "string" && !(body instanceof Uint8Array);
  const typed = Object.keys(headers).some((name) => name.toLowerCase() === "content-type");
  const allHeaders =
    isJson && !typed ? { "content-type": "application/json", ...headers } : headers;
  const answer = answerTo(request, {
    ...(status !== undefined && { status }),
    ...(Object.keys(allHeaders).length > 0 && { headers: allHeaders }),
    ...(more && { more }),
  });
  return { ...answer, ...(body !== undefined && encodeContent(body)) };
}

function checkedResponse(response: XsResponse & { more?: boolean }): typeof response {
  if (!isPlain(response)) {
    throw new XsError("bad_frame", "a response is an object { status?, headers?, body? }");
  }
  const unknown = unknownKeys(response, RESPONSE, "a response");
  if (unknown !== undefined) throw new XsError("bad_frame", unknown);
  const { headers, status } = response;
  if (headers !== undefined && !isPlain(headers)) {
    throw new XsError("bad_frame", "the headers of a response are an object of names and texts");
  }
  // Checked here, because JSON.stringify would silently omit values that are no JSON.
  jsonOf({ headers, status }, "response");
  return response;
}
