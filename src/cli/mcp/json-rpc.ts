import { isRawNumber, memberText, parseJson } from "../../core/json.ts";
import { textOf } from "../../lib/text.ts";

/** The codes of errors of the protocol: of JSON-RPC 2.0, and the last one of MCP. */
export const CODES = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  unsupportedVersion: -32022,
} as const;

/** The id of a request. One that no JavaScript number holds stays the text that was sent, as raw JSON. */
export type Id = string | number | object;
export type Members = Readonly<Record<string, unknown>>;

/** A request, which waits for an answer, or a notification, which has no id. */
export interface Message {
  readonly id: Id | undefined;
  readonly method: string;
  readonly params: Members;
}

/** An error of the protocol. What a tool cannot do is none: the result of its call says so. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly code: number;
  /** The id of the request that it answers; null where none can be read. */
  readonly id: Id | null;
  readonly data: unknown;

  constructor(code: number, message: string, more: { id?: Id | null; data?: unknown } = {}) {
    super(message);
    this.code = code;
    this.id = more.id ?? null;
    this.data = more.data;
  }
}

/** So many more levels are parsed than a meta may have: the tool that gets too deep a meta refuses it by name. */
const MORE_LEVELS = 512;

/**
 * Reads a line from the client; undefined for an empty line, and for a response, which nothing here waits for.
 *
 * @throws ProtocolError
 */
export function readMessage(line: Uint8Array): Message | undefined {
  const text = textOf(line);
  if (text === undefined) throw new ProtocolError(CODES.parse, "the line is not UTF-8");
  if (text.trim() === "") return undefined;
  const value = parsed(text);
  if (Array.isArray(value)) {
    throw invalid("a line holds one message: send those of a batch in lines of their own", null);
  }
  if (!isObject(value)) throw invalid("a message is a JSON object", null);
  const { jsonrpc, id, method, params = {} } = value;
  const known = isIdOfRequest(id) ? id : null;
  if (jsonrpc !== "2.0") throw invalid('a message has "jsonrpc":"2.0"', known);
  if (method === undefined && ("result" in value || "error" in value)) return undefined;
  if (typeof method !== "string") throw invalid("a message has a method, which is a text", known);
  if (id !== undefined && known === null) {
    throw invalid("the id of a request is a text or a whole number", null);
  }
  if (!isObject(params)) {
    // Nobody waits for the answer to a notification.
    if (known === null) return undefined;
    throw new ProtocolError(CODES.invalidParams, "params is a JSON object", { id: known });
  }
  return { id: known ?? undefined, method, params };
}

/** Parses the text of a message, each number as it was sent. @throws ProtocolError */
function parsed(text: string): unknown {
  let read: { json: unknown } | undefined;
  try {
    read = parseJson(text, MORE_LEVELS);
  } catch (error) {
    throw invalid((error as Error).message, idIn(text));
  }
  if (read === undefined) throw new ProtocolError(CODES.parse, "the line is not JSON");
  return read.json;
}

/** The id in a message that is nested too deep to parse; null where it has none. */
function idIn(text: string): Id | null {
  try {
    const id: unknown = JSON.parse(memberText(text, "id") ?? "null");
    return isIdOfRequest(id) ? id : null;
  } catch {
    return null;
  }
}

function invalid(message: string, id: Id | null): ProtocolError {
  return new ProtocolError(CODES.invalidRequest, message, { id });
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Members {
  const isOne = typeof value === "object" && value !== null && !Array.isArray(value);
  return isOne && !isRawNumber(value);
}

function isIdOfRequest(value: unknown): value is Id {
  if (typeof value === "string" || Number.isInteger(value)) return true;
  return isRawNumber(value) && /^-?[0-9]+$/.test(JSON.stringify(value));
}

/** The answer to a request that succeeded, as a line. */
export function resultLine(id: Id, result: object): string {
  return lineOf({ id, result });
}

/** The answer to a request that failed, as a line. */
export function errorLine({ id, code, message, data }: ProtocolError): string {
  return lineOf({ id, error: { code, message, ...(data !== undefined && { data }) } });
}

/** A notification, as a line. */
export function notificationLine(method: string, params: object): string {
  return lineOf({ method, params });
}

// JSON escapes every line break inside a text.
function lineOf(members: object): string {
  return `${JSON.stringify({ jsonrpc: "2.0", ...members })}\n`;
}
