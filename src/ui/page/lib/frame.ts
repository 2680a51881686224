import { type Json, memberText } from "../../../core/json.ts";
import { RUNTIME_PREFIX } from "../../../core/topic.ts";

/** A frame, as the API serves it. */
export interface Frame {
  readonly topic: string;
  readonly id: string;
  readonly hash: string | null;
  readonly meta: Json;
  readonly ttl: string;
  /** The meta as it is written: its numbers may be none of JavaScript. Of frames from {@link parseFrame}. */
  readonly metaText?: string;
  /** With `content=inline`: text, or bytes as base64; absent where it is large. */
  readonly content?: string;
}

/** Parses the line of a frame. */
export function parseFrame(line: string): Frame {
  const frame = JSON.parse(line) as Frame;
  const metaText = frame.meta === null ? undefined : memberText(line, "meta");
  return metaText === undefined ? frame : { ...frame, metaText };
}

/** Whether a frame is one of the runtime. */
export function isOfRuntime({ topic }: Pick<Frame, "topic">): boolean {
  return topic.startsWith(RUNTIME_PREFIX);
}

/** The number that an id is (SCRU128: 128 bits in base 36). core/id.ts asks a library, too large for the page. */
function numberOf(id: string): bigint {
  let value = 0n;
  for (const digit of id) value = value * 36n + BigInt(Number.parseInt(digit, 36));
  return value;
}

function idOf(value: bigint): string {
  return value.toString(36).padStart(25, "0");
}

/** The time in an id, its upper 48 bits, in ms since 1970. */
export function timeOf(id: string): number {
  return Number(numberOf(id) >> 80n);
}

/** The lowest id of a time, in ms since 1970. */
export function firstIdAt(ms: number): string {
  return idOf(BigInt(Math.max(0, Math.floor(ms))) << 80n);
}

/** The id right below another: a read after it begins with that one. */
export function idBefore(id: string): string {
  const value = numberOf(id);
  return idOf(value === 0n ? 0n : value - 1n);
}

/** The id right above another: a read before it ends with that one. */
export function idAfter(id: string): string {
  return idOf(numberOf(id) + 1n);
}
