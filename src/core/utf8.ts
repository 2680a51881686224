import { XsError } from "./error.ts";

/**
 * Encodes a text in UTF-8. A string of JSON or JavaScript may hold half a surrogate pair (`"\\ud800"`), which
 * UTF-8 cannot encode: the store would silently keep another character instead.
 *
 * @param what names the text in the message, as the subject of its sentence
 * @throws XsError `bad_frame`
 */
export function bytesOfText(text: string, what: string): Buffer<ArrayBuffer> {
  if (text.isWellFormed()) return Buffer.from(text);
  throw new XsError(
    "bad_frame",
    `${what} holds half a surrogate pair, such as "\\ud800", which UTF-8 cannot encode: send the whole character, or bytes`,
  );
}
