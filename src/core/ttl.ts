import { quoted, XsError } from "./error.ts";
import { timestampOf } from "./id.ts";
import { parseMoment, type Zone } from "./moment.ts";

/** How long a frame is kept. `text` is the form that stands in frames. */
export type Ttl =
  | { readonly kind: "forever" | "ephemeral"; readonly text: string }
  | { readonly kind: "time"; readonly text: string; readonly ms: number }
  | { readonly kind: "until"; readonly text: string; readonly at: number }
  | { readonly kind: "last"; readonly text: string; readonly count: number };

export const FOREVER: Ttl = { kind: "forever", text: "forever" };
export const EPHEMERAL: Ttl = { kind: "ephemeral", text: "ephemeral" };

/** What may be written as a ttl, for help texts. */
export const TTL_FORMS = "forever, ephemeral, time:<ms>, until:<date or ms> or last:<n>";

/** Longest `time:`, in ms: with any timestamp it still makes an exact number. */
export const MAX_TTL_MS = 2 ** 52;
/** In ms it is a day in 1973, in seconds one after the year 5000: an `until:` below it is a slip. */
const LEAST_LIKELY_MS = 1e11;

/**
 * Parses `forever`, `ephemeral`, `time:<ms>`, `last:<n>`, or `until:` with milliseconds since 1970, a
 * date, or a date and time.
 *
 * @param zone of a date without an offset
 * @throws XsError `bad_ttl`
 */
export function parseTtl(text: string, zone: Zone = "utc"): Ttl {
  if (text === "forever") return FOREVER;
  if (text === "ephemeral") return EPHEMERAL;
  const [, kind, digits] = /^(time|last|until):([1-9][0-9]{0,15})$/.exec(text) ?? [];
  const value = Number(digits);
  if (kind === "time" && value <= MAX_TTL_MS) return { kind, text, ms: value };
  if (kind === "last" && Number.isSafeInteger(value)) return { kind, text, count: value };
  const at = text.startsWith("until:")
    ? kind === "until"
      ? value
      : parseMoment(text.slice("until:".length), zone)
    : undefined;
  if (at !== undefined && at >= 1 && at <= MAX_TTL_MS) return untilTtl(at);
  throw new XsError(
    "bad_ttl",
    `ttl ${quoted(text)} is not one of forever, ephemeral, time:<milliseconds>, last:<count> (from 1 up), until:<milliseconds since 1970> or a date like until:2026-12-24 or until:2026-12-24T18:00Z`,
  );
}

/**
 * The same of a ttl that somebody asks for, and not of one that stands in a frame.
 *
 * @throws XsError `bad_ttl`, also for an `until:` that seems to count seconds
 */
export function parseAskedTtl(text: string, zone?: Zone): Ttl {
  const ttl = parseTtl(text, zone);
  if (ttl.kind !== "until" || ttl.at >= LEAST_LIKELY_MS || Date.now() < LEAST_LIKELY_MS) return ttl;
  throw new XsError(
    "bad_ttl",
    `ttl ${quoted(text)} ended on ${new Date(ttl.at).toISOString()}: until: counts milliseconds since 1970, not seconds`,
  );
}

/**
 * The same of a ttl for a new frame: one that has ended would never be read.
 *
 * @throws XsError `bad_ttl`
 */
export function parseNewTtl(text: string, zone?: Zone): Ttl {
  const ttl = parseAskedTtl(text, zone);
  if (ttl.kind !== "until" || ttl.at > Date.now()) return ttl;
  throw new XsError(
    "bad_ttl",
    `ttl ${quoted(text)} ended on ${new Date(ttl.at).toISOString()}, so no read would ever give the frame: name a moment to come`,
  );
}

/** The ttl of what is kept until a moment, in ms since 1970. */
export function untilTtl(at: number): Ttl & { kind: "until" } {
  return { kind: "until", text: `until:${at}`, at };
}

/** The moment a frame with this ttl and id expires, in ms, or null if it does not. */
export function expiryOf(ttl: Ttl, id: string): number | null {
  if (ttl.kind === "until") return ttl.at;
  return ttl.kind === "time" ? timestampOf(id) + ttl.ms : null;
}

/**
 * The ttl that a new frame is given for the one that was asked for. A `time:` runs from the time in
 * the id; where that is ahead of the clock, because the clock once was, the end that was meant is told.
 *
 * @param now what the clock shows after the id was made, in ms
 */
export function ttlOfNew(asked: Ttl, id: string, now: number): Ttl {
  return asked.kind === "time" && timestampOf(id) > now ? untilTtl(now + asked.ms) : asked;
}
