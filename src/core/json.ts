import { XsError } from "./error.ts";

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** JSON with the functions of the proposal below: Bun has them, TypeScript's library does not declare them yet. */
const raw = JSON as unknown as {
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): boolean;
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
};

/** The most levels of nesting in meta and values from outside: `[[1]]` has two levels. */
export const MAX_DEPTH = 128;

/** Matches every text with a number that JavaScript would write in another form, and a few others. */
const MAY_HOLD_ODD = /(?:^|[[:,\s])(?:-0|-?[0-9]{16}|-?[0-9]{1,15}[.eE])/;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Parses JSON from outside. Every way in uses this function. It checks the depth first, because deep
 * nesting slows a parser down and may exhaust the stack. It keeps numbers that JavaScript would write in
 * another form (`1234567890123456789`, `1e400`, `1.0`) as raw JSON
 * (https://github.com/tc39/proposal-json-parse-with-source): `JSON.stringify` writes them as they came,
 * and {@link isRawNumber} tells them from objects.
 *
 * @param around levels that do not count: a line of a batch has one around its meta
 * @returns undefined if the text is not JSON
 * @throws XsError `too_deep`
 */
export function parseJson(text: string, around = 0): { readonly json: unknown } | undefined {
  if (isDeeperThan(MAX_DEPTH + around, text)) throw tooDeep(MAX_DEPTH);
  const keepsText = MAY_HOLD_ODD.test(text) && scan(text).hasOddNumber;
  try {
    return { json: keepsText ? parseRaw(text) : JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** Tells whether a value is a number that {@link parseJson} kept as the text that was sent. */
export function isRawNumber(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  // This runs for every record that a script outputs, and the prototype is the cheap test.
  return Object.getPrototypeOf(value) === null && raw.isRawJSON(value);
}

/** Tells whether a text, JSON or not, is nested deeper than `levels`. */
export function isDeeperThan(levels: number, text: string): boolean {
  // Each level takes two characters.
  return text.length > 2 * levels && scan(text).depth > levels;
}

/** The error for JSON that is nested too deep. */
export function tooDeep(most: number): XsError {
  return new XsError("too_deep", `the JSON is nested deeper than ${most} levels: flatten it`);
}

/**
 * Removes the spaces from JSON, escapes its strings as `JSON.stringify` does, and keeps its numbers as
 * they are. It does not recurse, so deep nesting cannot exhaust the stack.
 *
 * @param text valid JSON
 */
export function compactJson(text: string): string {
  const parts: string[] = [];
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    const start = at;
    if (code === QUOTE) {
      at = endOfString(text, at);
      parts.push(JSON.stringify(JSON.parse(text.slice(start, at))));
    } else if (isSpace(code)) {
      at++;
    } else {
      while (at < text.length && text.charCodeAt(at) !== QUOTE && !isSpace(text.charCodeAt(at)))
        at++;
      parts.push(text.slice(start, at));
    }
  }
  return parts.join("");
}

/**
 * The text of a member of a JSON object; of members with the same name, the last one.
 *
 * @param text a valid JSON object
 */
export function memberText(text: string, name: string): string | undefined {
  let depth = 0;
  let key: string | undefined;
  let start = 0;
  let found: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') {
      const end = endOfString(text, at);
      if (depth === 1 && key === undefined) {
        key = JSON.parse(text.slice(at, end)) as string;
        start = text.indexOf(":", end) + 1;
      }
      at = end - 1;
    } else if (char === "{" || char === "[") {
      depth++;
    } else if (char === "}" || char === "]" || char === ",") {
      if (depth === 1) {
        if (key === name) found = text.slice(start, at).trim();
        key = undefined;
      }
      if (char !== ",") depth--;
    }
  }
  return found;
}

/** Finds, in one pass, the depth of a text and whether JavaScript would write one of its numbers in another form. */
function scan(text: string): { depth: number; hasOddNumber: boolean } {
  let depth = 0;
  let deepest = 0;
  let hasOddNumber = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at) - 1;
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > deepest) deepest = depth;
    } else if (code === 0x5d || code === 0x7d) {
      depth--;
    } else if (code === 0x2d || isDigit(code)) {
      const end = endOfNumber(text, at);
      hasOddNumber ||= isOdd(text.slice(at, end));
      at = end - 1;
    }
  }
  return { depth: deepest, hasOddNumber };
}

/** The end of the string that begins at a quote; the end of the text if the string has none. */
export function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end + 1;
  }
  return text.length;
}

/** The end of a run of digits, signs, points and `e`. */
function endOfNumber(text: string, start: number): number {
  let end = start + 1;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (!isDigit(code) && code !== 0x2b && code !== 0x2d && code !== 0x2e && (code | 32) !== 0x65)
      break;
  }
  return end;
}

function isOdd(number: string): boolean {
  return String(Number(number)) !== number;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** Parses with access to each number's source, which costs several times a plain parse. */
function parseRaw(text: string): unknown {
  return raw.parse(text, (_, value, { source = "" }) =>
    typeof value === "number" && isOdd(source) ? raw.rawJSON(source) : value,
  );
}
