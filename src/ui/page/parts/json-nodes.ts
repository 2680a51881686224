import { endOfString } from "../../../core/json.ts";

/**
 * A value in a text of JSON, by its place there. What is shown is the text itself, so numbers are as they were written,
 * members keep their order, and those with the same name are all there.
 */
export interface JsonNode {
  readonly kind: "object" | "list" | "text" | "plain";
  readonly start: number;
  readonly end: number;
}

/** A member of an object, with its name, or of a list. */
export interface JsonMember extends JsonNode {
  readonly name: string | undefined;
}

/** Whether a text is JSON. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The value that a text of JSON is. @param text valid JSON */
export function rootOf(text: string): JsonNode {
  return nodeAt(text, afterSpace(text, 0));
}

/** The members right below a value. It goes through the text once, however deep what is below them is. */
export function membersOf(text: string, { kind, start }: JsonNode): JsonMember[] {
  const members: JsonMember[] = [];
  if (kind !== "object" && kind !== "list") return members;
  let at = afterSpace(text, start + 1);
  while (at < text.length && !isClose(text.charCodeAt(at))) {
    let name: string | undefined;
    if (kind === "object") {
      const end = endOfString(text, at);
      name = JSON.parse(text.slice(at, end)) as string;
      // Behind the colon.
      at = afterSpace(text, afterSpace(text, end) + 1);
    }
    const node = nodeAt(text, at);
    members.push({ ...node, name });
    at = afterSpace(text, node.end);
    if (text[at] === ",") at = afterSpace(text, at + 1);
  }
  return members;
}

/** How many members are right below a value. */
export function sizeOf(text: string, { kind, start, end }: JsonNode): number {
  if (kind !== "object" && kind !== "list") return 0;
  let commas = 0;
  let depth = 0;
  let isEmpty = true;
  for (let at = start + 1; at < end - 1; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x20) isEmpty = false;
    if (code === QUOTE) at = endOfString(text, at) - 1;
    else if (isOpen(code)) depth++;
    else if (isClose(code)) depth--;
    else if (code === COMMA && depth === 0) commas++;
  }
  return isEmpty ? 0 : commas + 1;
}

const QUOTE = 0x22;
const COMMA = 0x2c;

function nodeAt(text: string, start: number): JsonNode {
  const code = text.charCodeAt(start);
  if (code === QUOTE) return { kind: "text", start, end: endOfString(text, start) };
  if (isOpen(code)) {
    return { kind: code === 0x7b ? "object" : "list", start, end: endOfNested(text, start) };
  }
  let end = start;
  while (end < text.length && !/[\s,\]}]/.test(text[end] as string)) end++;
  return { kind: "plain", start, end };
}

/** The end of an object or a list. It counts, and calls nothing again, so no depth is too much. */
function endOfNested(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at) - 1;
    else if (isOpen(code)) depth++;
    else if (isClose(code) && --depth === 0) return at + 1;
  }
  return text.length;
}

function afterSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++;
  return at;
}

function isOpen(code: number): boolean {
  return code === 0x5b || code === 0x7b;
}

function isClose(code: number): boolean {
  return code === 0x5d || code === 0x7d;
}
