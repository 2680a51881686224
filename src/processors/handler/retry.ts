import { waitBefore } from "../lifecycle/backoff.ts";

/** The attempts on a frame on which a handler with `on_error` "retry" has failed. The record of the handler keeps them. */
export interface Retry {
  /** The frame. */
  readonly frameId: string;
  /** How often the handler has failed on it. */
  readonly failures: number;
  /** When the handler gets the frame again, in ms since 1970. */
  readonly at: number;
  /** Why it failed the last time; a start of the server forgets that. */
  readonly reason?: string;
}

/** The longest wait, in ms: the clock may have been set back since. */
const MAX_WAIT_MS = waitBefore(Infinity);

/**
 * Counts one more failure on a frame.
 *
 * @param before the attempts so far, on this frame or another
 * @param retries how often a frame comes again
 * @returns undefined where the frame does not come again
 */
export function nextRetry(
  before: Retry | undefined,
  { frame_id: frameId, reason }: { readonly frame_id: string; readonly reason: string },
  retries: number,
): Retry | undefined {
  const failures = 1 + (before?.frameId === frameId ? before.failures : 0);
  if (failures > retries) return undefined;
  return { frameId, failures, at: Date.now() + waitBefore(failures), reason };
}

/** How long to wait until a retry, in ms; 0 or less where it is due. */
export function waitFor({ at }: Retry): number {
  return Math.min(at - Date.now(), MAX_WAIT_MS);
}

/** The member of a handler's record. */
export function encodeRetry({ frameId, failures, at }: Retry): string {
  return `"retry":{"frame_id":"${frameId}","failures":${failures},"at":${at}}`;
}

/** Reads the member of a handler's record; undefined where it is none. An import may bring any value. */
export function decodeRetry(value: unknown): Retry | undefined {
  const { frame_id: frameId, failures, at } = (value ?? {}) as Record<string, unknown>;
  if (typeof frameId !== "string" || !Number.isInteger(failures) || !Number.isFinite(at))
    return undefined;
  return { frameId, failures: Number(failures), at: Number(at) };
}
