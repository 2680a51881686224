import { XsError } from "../frame/error.ts";
import type { Json } from "../frame/frame.ts";
import { answerTo } from "../frame/http.ts";
import { isJsonType } from "../frame/pair.ts";

/** JSON of a value that a script gave. @throws XsError `bad_frame` where it has none */
export function jsonOf(value: unknown, what: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw notJson(what, (error as Error).message);
  }
  if (text === undefined) throw notJson(what, `it is a ${typeof value}`);
  return text;
}

function notJson(what: string, problem: string): XsError {
  return new XsError("bad_frame", `${what} cannot be written as JSON: ${problem}`);
}

/** Content as a line of the protocol carries it: text, bytes in base64, or JSON as text. */
export function encodeContent(value: unknown): { content?: string; base64?: string } {
  if (typeof value === "string") return { content: value };
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString("base64") };
  return { content: jsonOf(value, "the content") };
}

/** A value of the k/v store: the text or bytes, and their media type. */
export function encodeValue(value: unknown): { bytes: Uint8Array; type: string } {
  if (typeof value === "string")
    return { bytes: Buffer.from(value), type: "text/plain; charset=utf-8" };
  if (value instanceof Uint8Array) return { bytes: value, type: "application/octet-stream" };
  return { bytes: Buffer.from(jsonOf(value, "the value")), type: "application/json" };
}

/** The inverse of {@link encodeValue}. */
export function decodeValue(bytes: Uint8Array, type: string): unknown {
  if (isJsonType(type)) return JSON.parse(new TextDecoder().decode(bytes)) as Json;
  if (/^text\//i.test(type)) return new TextDecoder().decode(bytes);
  return bytes;
}

/**
 * The frame that answers an `http.request`; a body that is neither text nor bytes is JSON. It has no
 * ttl where that of the request is not known.
 */
export function encodeResponse<Known extends string | undefined>(
  request: { readonly id: string; readonly ttl: Known },
  { status, headers = {}, body, more }: XsResponse & { more?: boolean },
): { topic: string; meta: Json; ttl: Known; content?: string; base64?: string } {
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
