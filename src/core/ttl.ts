import { quoted, XsError } from "./error.ts";
import { HTTP_RESPONSE } from "./http.ts";
import { timestampOf } from "./id.ts";
import { formatTime, parseDuration, parseMoment, type Zone } from "./time.ts";

/** How long the store keeps a frame. `text` is the form in frames; `ms` is a duration, `at` ms since 1970. */
export type Ttl =
  | { readonly kind: "forever" | "ephemeral"; readonly text: string }
  | { readonly kind: "time"; readonly text: string; readonly ms: number }
  | { readonly kind: "until"; readonly text: string; readonly at: number }
  | { readonly kind: "last"; readonly text: string; readonly count: number };

/** The ttl of a frame that never expires; the default. */
export const FOREVER: Ttl = { kind: "forever", text: "forever" };
/** The ttl of a frame that only live readers get. */
export const EPHEMERAL: Ttl = { kind: "ephemeral", text: "ephemeral" };

/** The forms of a ttl, for help texts. */
export const TTL_FORMS =
  "forever, ephemeral, time:<ms, or 90s, 15m, 12h, 7d, 4w>, until:<date or ms> or last:<n>";

/** The longest `time:`, in ms: added to any timestamp, it is still an exact number. */
export const MAX_TTL_MS = 2 ** 52;
/** An `until:` below this counts seconds by mistake: as ms it is a day in 1973, as seconds one after the year 5000. */
const LEAST_LIKELY_MS = 1e11;

/**
 * Parses `forever`, `ephemeral`, `last:<n>`, `time:` with milliseconds or a duration, or `until:` with milliseconds
 * since 1970, a date, or a date and time.
 *
 * @param zone of a date without an offset
 * @throws XsError `bad_ttl`
 */
export function parseTtl(text: string, zone: Zone = "utc"): Ttl {
  if (text === "forever") return FOREVER;
  if (text === "ephemeral") return EPHEMERAL;
  const [, kind, digits] = /^(time|last|until):([1-9][0-9]{0,15})$/.exec(text) ?? [];
  const value = Number(digits);
  const ms = kind === "time" ? value : durationOf(text);
  if (ms !== undefined && ms <= MAX_TTL_MS) return { kind: "time", text: `time:${ms}`, ms };
  if (kind === "last" && Number.isSafeInteger(value)) return { kind, text, count: value };
  const at = text.startsWith("until:")
    ? kind === "until"
      ? value
      : parseMoment(text.slice("until:".length), zone)
    : undefined;
  if (at !== undefined && at >= 1 && at <= MAX_TTL_MS) return untilTtl(at);
  throw new XsError(
    "bad_ttl",
    `ttl ${quoted(text)} is not one of forever, ephemeral, time:<milliseconds> or a duration like time:90s, time:12h or time:7d, last:<count> (from 1 up), until:<milliseconds since 1970> or a date like until:2026-12-24 or until:2026-12-24T18:00Z`,
  );
}

/** The duration in a `time:`, in ms; undefined for any other text. As a count of ms, it does not begin with 0. */
function durationOf(text: string): number | undefined {
  return /^time:[1-9]/.test(text) ? parseDuration(text.slice("time:".length)) : undefined;
}

/**
 * Parses a ttl that a user asks for; {@link parseTtl} parses those of stored frames.
 *
 * @throws XsError `bad_ttl`, also for an `until:` that seems to count seconds
 */
export function parseAskedTtl(text: string, zone?: Zone): Ttl {
  const ttl = parseTtl(text, zone);
  if (ttl.kind !== "until" || ttl.at >= LEAST_LIKELY_MS || Date.now() < LEAST_LIKELY_MS) return ttl;
  throw new XsError(
    "bad_ttl",
    `ttl ${quoted(text)} ended on ${formatTime(ttl.at)}: until: counts milliseconds since 1970, not seconds`,
  );
}

/**
 * Parses the ttl of a new frame, as {@link parseAskedTtl} does.
 *
 * @throws XsError `bad_ttl`, also for a moment that has passed: no read would return the frame
 */
function parseNewTtl(text: string, zone?: Zone): Ttl {
  const ttl = parseAskedTtl(text, zone);
  if (ttl.kind !== "until" || ttl.at > Date.now()) return ttl;
  throw new XsError(
    "bad_ttl",
    `ttl ${quoted(text)} ended on ${formatTime(ttl.at)}, so no read would ever give the frame: name a moment to come`,
  );
}

/**
 * Parses the ttl of a frame to append. It may have ended already in two cases: a retry with an idempotency
 * key, which returns the first frame, and a response, which has the ttl of its request.
 *
 * @throws XsError `bad_ttl`
 */
export function parseAppendTtl(topic: string, text: string, isRetry: boolean, zone?: Zone): Ttl {
  const mayBeOver = isRetry || topic === HTTP_RESPONSE;
  return mayBeOver ? parseAskedTtl(text, zone) : parseNewTtl(text, zone);
}

/** The ttl that ends at a moment, in ms since 1970. */
function untilTtl(at: number): Ttl & { kind: "until" } {
  return { kind: "until", text: `until:${at}`, at };
}

/** The moment a frame with this ttl and id expires, in ms since 1970; null if it never does. */
export function expiryOf(ttl: Ttl, id: string): number | null {
  if (ttl.kind === "until") return ttl.at;
  return ttl.kind === "time" ? timestampOf(id) + ttl.ms : null;
}

/**
 * The ttl to store for the ttl that was asked for. A `time:` counts from the time in the id. That time is
 * ahead of the clock after the clock went back; then the ttl becomes the `until:` that the user meant.
 *
 * @param now the clock after the id was made, in ms since 1970
 */
export function ttlOfNew(asked: Ttl, id: string, now: number): Ttl {
  return asked.kind === "time" && timestampOf(id) > now ? untilTtl(now + asked.ms) : asked;
}
