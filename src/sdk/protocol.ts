import { quoted } from "../core/error.ts";
import { parseObject } from "../core/frame.ts";
import type { Json } from "../core/json.ts";
import { MAX_VALUE } from "../core/key.ts";
import { unknownKeys } from "../core/known-keys.ts";

// The line protocol of handlers, and of generators that are not plain commands (docs/processors.md):
// JSON lines, to a program on stdin and from it on stdout.

/** The lines that the server sends a handler, besides frames. The line of a frame begins with its topic. */
export type FromServer = { state: Json } | { batch: string } | { committed: string };

/** One effect that a handler asks for. */
export interface Effect {
  /** The id of the frame that caused it; undefined for the frame that the handler next declares done. */
  frameId: string | undefined;
  /** No line asks for `out_file`: only the runtime itself makes such an effect. */
  readonly kind:
    | "out"
    | "out_base64"
    | "out_file"
    | "append"
    | "put"
    | "delete"
    | "remove"
    | "response";
  readonly value: Json;
}

/** A parsed line of a handler. The server applies the parts in the order of these keys. */
export interface HandlerLine {
  readonly ready?: Json;
  readonly effects: readonly Effect[];
  /** The next state, as JSON text. */
  readonly next?: string;
  readonly done?: string;
  readonly error?: { readonly reason: string; readonly frameId: string };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A program broke the protocol. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** The longest line of a program, in characters: room for 16 MiB of content in base64. */
export const MAX_LINE = 24 * 1024 * 1024;

/** The levels of JSON around a meta in a line: `{"append":{"meta":…}}`. */
const AROUND = 2;

/** The error message for a line that is too long; undefined if it is not. */
export function lengthProblem(line: string): string | undefined {
  if (line.length <= MAX_LINE) return undefined;
  return `a value is ${line.length} characters as a line of the protocol, and may be ${MAX_LINE}: split it into parts`;
}

/** The bytes that the stored value of a state needs beside the state. */
const BESIDE_STATE = 200;

/** The error message for a state, as JSON text, that is too large to keep; undefined if it is not. */
export function stateProblem(text: string): string | undefined {
  const most = MAX_VALUE - BESIDE_STATE;
  // A UTF-16 unit takes at most three bytes.
  const size = text.length * 3 <= most ? text.length : Buffer.byteLength(text);
  if (size <= most) return undefined;
  return `the state is ${size} bytes of JSON, and may be ${most}: keep what is large in the k/v store`;
}

const EFFECTS = ["out", "out_base64", "append", "put", "delete", "remove", "response"] as const;
const KEYS = new Set<string>([...EFFECTS, "ready", "next", "done", "error", "frame_id"]);
const NONE: readonly Effect[] = [];

/** Parses a line that a handler wrote. @throws ProtocolError */
export function parseHandlerLine(line: string): HandlerLine {
  const value = objectIn(line);
  const { ready, next, done, error, frame_id: frameId } = value;
  let effects = NONE;
  for (const key in value) {
    if (!KEYS.has(key)) throw new ProtocolError(unknownKeys(value, [...KEYS], "the line protocol"));
  }
  const failed = idIn(frameId, "frame_id");
  for (const kind of EFFECTS) {
    const given = value[kind];
    if (given === undefined || given === null) continue;
    const effect = { frameId: failed, kind, value: given };
    effects = effects === NONE ? [effect] : [...effects, effect];
  }
  if (error !== undefined && (typeof error !== "string" || failed === undefined)) {
    throw new ProtocolError('"error" is a text, and goes with a "frame_id"');
  }
  const id = idIn(done, "done");
  const parsed: Mutable<HandlerLine> = { effects };
  if (ready !== undefined) parsed.ready = ready;
  if (next !== undefined) parsed.next = JSON.stringify(next);
  if (id !== undefined) parsed.done = id;
  if (typeof error === "string" && failed !== undefined) {
    parsed.error = { reason: error, frameId: failed };
  }
  return parsed;
}

/** Parses the line of a value from a generator. @throws ProtocolError */
export function parseGeneratorLine(line: string): { recv: Json } | { recv_base64: string } {
  const { recv, recv_base64: base64, ...rest } = objectIn(line);
  if (Object.keys(rest).length === 0) {
    if (typeof base64 === "string") return { recv_base64: base64 };
    if (recv !== undefined) return { recv };
  }
  throw new ProtocolError(`${quoted(line)} is no line of a generator`);
}

function objectIn(line: string): { [key: string]: Json } {
  let value: { [key: string]: Json } | undefined;
  try {
    value = parseObject(line, AROUND);
  } catch (error) {
    throw new ProtocolError(`it wrote a line to stdout that is wrong: ${(error as Error).message}`);
  }
  if (value) return value;
  throw new ProtocolError(`it wrote ${quoted(line)} to stdout, which is no line of the protocol`);
}

function idIn(value: Json | undefined, key: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && /^[0-9a-z]{25}$/.test(value)) return value;
  throw new ProtocolError(`"${key}": ${quoted(JSON.stringify(value))} is no id`);
}
