import { quoted, XsError } from "../core/error.ts";
import { API_HEADER } from "../core/http.ts";
import type { Json } from "../core/json.ts";

/** Status and headers of a response. */
export interface ResponseHead {
  readonly status: number;
  /** The values of each header, as bytes in Latin-1, by its name in lower case. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

/** Headers that the gateway drops: a handler must not set those of the connection (RFC 9110, 7.6.1) or of the API. */
const DROPPED = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  API_HEADER,
]);

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a header may not hold.
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;

/** Reads the head of a response from the meta of its first frame. @throws XsError `bad_response` */
export function responseHead(meta: { readonly [key: string]: Json }): ResponseHead {
  const { status = 200, headers = {} } = meta;
  if (!(typeof status === "number" && Number.isInteger(status) && status >= 200 && status <= 599)) {
    throw bad(`the status ${described(status)} is not a whole number from 200 to 599`);
  }
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) {
    throw bad(`the headers ${described(headers)} are not an object of names and texts`);
  }
  const read = new Map<string, string[]>();
  for (const [given, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(given)) {
      throw bad(`${quoted(given)} is not the name of a header`);
    }
    const name = given.toLowerCase();
    const values = [value].flat();
    for (const text of values) {
      // A line break in a value would begin another header, or the body.
      if (typeof text !== "string" || CONTROL.test(text) || !text.isWellFormed()) {
        throw bad(`the header ${given} has the value ${described(text)}, not a text of one line`);
      }
    }
    if (DROPPED.has(name)) continue;
    const bytes = (values as string[]).map((text) => Buffer.from(text).toString("latin1"));
    read.getOrInsert(name, []).push(...bytes);
  }
  return { status, headers: read };
}

/** Tells whether another frame of the response follows. @throws XsError `bad_response` */
export function hasMore({ more = false }: { readonly [key: string]: Json }): boolean {
  if (typeof more === "boolean") return more;
  throw bad(`"more" is ${described(more)}, neither true nor false`);
}

function described(value: Json): string {
  // JSON values are shown as JSON, and cut like a quoted text.
  return typeof value === "string" ? quoted(value) : JSON.stringify(value).slice(0, 80);
}

function bad(problem: string): XsError {
  return new XsError("bad_response", problem);
}
