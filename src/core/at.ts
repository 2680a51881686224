import { quoted, XsError } from "./error.ts";
import { formatTime, parseDuration, parseMoment, type Zone } from "./time.ts";
import { RUNTIME_PREFIX } from "./topic.ts";
import type { Ttl } from "./ttl.ts";

/** The furthest time for which the store keeps an append: about a hundred years ahead, in ms. */
const MAX_AHEAD_MS = 100 * 366 * 24 * 60 * 60 * 1000;

/**
 * Parses the `at` of an append: a date and time as in RFC 3339, or a date. Returns milliseconds since 1970.
 *
 * @param zone of a time without an offset
 * @param now in ms since 1970
 * @throws XsError `bad_option`
 */
export function parseAt(text: string, zone: Zone = "utc", now = Date.now()): number {
  const given = `at=${quoted(text)}`;
  const ms = parseMoment(text, zone);
  if (ms === undefined) {
    const hint =
      parseDuration(text) === undefined
        ? ""
        : `: that is a duration, and  xs append --in ${text}  counts it from now`;
    throw bad(`${given} is not a time like 2026-12-24T18:00Z, or a date like 2026-12-24${hint}`);
  }
  if (ms < 0) throw bad(`${given} is before 1970, and no id can hold that: put it into the meta`);
  if (ms > now + MAX_AHEAD_MS) {
    throw bad(`${given} is more than a hundred years ahead: name an earlier time`);
  }
  return ms;
}

/**
 * Checks that a frame can be appended at another time than now.
 *
 * @param at in ms since 1970
 * @throws XsError `bad_option`
 */
export function checkAt(topic: string, ttl: Ttl, at: number): void {
  const given = `at=${quoted(formatTime(at))}`;
  if (topic.startsWith(RUNTIME_PREFIX)) {
    throw bad(
      `${given} does not go with ${topic}: the runtime acts on it when it comes, so append it then`,
    );
  }
  if (ttl.kind === "ephemeral") {
    throw bad(`${given} does not go with the ttl ephemeral: the store keeps the frame until then`);
  }
  if (ttl.kind === "until" && ttl.at <= at) {
    throw bad(
      `${given} does not go with the ttl ${ttl.text}, which ends before, on ${formatTime(ttl.at)}`,
    );
  }
}

function bad(problem: string): XsError {
  return new XsError("bad_option", problem);
}
