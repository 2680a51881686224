import { XsError } from "./error.ts";

/**
 * The bytes of a text in UTF-8. A text of JSON or JavaScript may hold half a surrogate pair (`"\\ud800"`), which has
 * none: another character would be kept in its place.
 *
 * @param what the text, for a person: the subject of the sentence
 * @throws XsError `bad_frame`
 */
export function bytesOfText(text: string, what: string): Buffer<ArrayBuffer> {
  if (text.isWellFormed()) return Buffer.from(text);
  throw new XsError(
    "bad_frame",
    `${what} holds half a surrogate pair, as "\\ud800" is, which no text in UTF-8 has: send the whole character, or bytes`,
  );
}
