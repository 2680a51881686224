import { memberText } from "../../../core/json.ts";

/** A value of JSON. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

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

/** The topics of the runtime begin with this. */
export const RUNTIME_PREFIX = "stream.cross.";

/** Whether a frame is one of the runtime. */
export function isOfRuntime({ topic }: Pick<Frame, "topic">): boolean {
  return topic.startsWith(RUNTIME_PREFIX);
}

/** The time in an id (SCRU128: the upper 48 of 128 bits, in base 36), in ms since 1970. */
export function timeOf(id: string): number {
  let value = 0n;
  for (const digit of id) value = value * 36n + BigInt(Number.parseInt(digit, 36));
  return Number(value >> 80n);
}

/** The lowest id of a time, in ms since 1970. */
export function firstIdAt(ms: number): string {
  return (BigInt(Math.max(0, Math.floor(ms))) << 80n).toString(36).padStart(25, "0");
}
