import { quoted, XsError } from "./error.ts";
import { parseId } from "./id.ts";
import { parseTopicFilter } from "./pattern.ts";
import { formatTime, parseTime, type Zone } from "./time.ts";

/** Which frames a read returns: history in order and then, when following, live frames. */
export interface ReadOptions {
  /** Start after this id; a descending read starts below it. */
  readonly after?: string;
  /** Start at this id. */
  readonly from?: string;
  /** Only frames whose id has this time or a later one, in ms since 1970. Frames that come live too. */
  readonly since?: number;
  /** Only frames whose id has an earlier time, in ms since 1970. */
  readonly until?: number;
  /** Skip history. */
  readonly tail: boolean;
  /** Stay live after the replay. */
  readonly follow: boolean;
  /** The interval of heartbeats in a following read, in ms. */
  readonly pulse?: number;
  /** Where the history has nothing: wait this long for the first frame, in ms, then end. */
  readonly wait?: number;
  /** End after this many frames. */
  readonly limit?: number;
  /** Return only this many of the newest frames of the history. */
  readonly last?: number;
  /** Scopes as {@link parseTopicFilter} returns them; absent for every topic. */
  readonly topics?: readonly string[];
  /** By id, up or down, or by arrival in this store. */
  readonly order: "asc" | "desc" | "arrival";
  /** The position of the frame `after`, for a reader that keeps the place of a late frame. */
  readonly position?: string;
  readonly withTimestamp: boolean;
  /** Adds to each frame its content, see `Content.inline`. */
  readonly withContent?: boolean;
}

/** The default: the whole history in order, without following. */
export const READ_ALL: ReadOptions = {
  tail: false,
  follow: false,
  order: "asc",
  withTimestamp: false,
};

/** The longest wait or interval of heartbeats, in ms: timers accept no more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const ALIASES: Record<string, string> = { after: "last-id", new: "tail" };

/**
 * Parses read options from a query or from the command line.
 *
 * @param zone of a date without an offset
 * @throws XsError `bad_option`, `bad_id`, `bad_topic`, each naming the option
 */
export function parseReadOptions(
  params: Iterable<readonly [string, string]>,
  zone: Zone = "utc",
): ReadOptions {
  const given = new Map<string, string>();
  for (const [key, value] of params) {
    const name = ALIASES[key] ?? key;
    if (given.has(name) && name !== "topic") {
      throw bad(`the option ${quoted(key)} is given twice`);
    }
    given.set(name, given.has(name) ? `${given.get(name)},${value}` : value);
  }
  const take = <T>(name: string, parse: (value: string, name: string) => T): T | undefined => {
    const value = given.get(name);
    given.delete(name);
    return value === undefined ? undefined : parse(value, name);
  };
  const now = Date.now();
  const time = (text: string, name: string) => parseTime(text, name, zone, now);
  const { follow, pulse } = parseFollow(take("follow", (value) => value) ?? null);
  const options: ReadOptions = compact({
    after: take("last-id", parseIdOption),
    from: take("from", parseIdOption),
    since: take("since", time),
    until: take("until", time),
    tail: take("tail", parseFlag) ?? false,
    follow,
    pulse,
    wait: take("wait", parseWait),
    limit: take("limit", parseCount),
    last: take("last", parseCount),
    topics: take("topic", parseTopicFilter),
    order: take("order", parseOrder) ?? "asc",
    withTimestamp: take("with-timestamp", parseFlag) ?? false,
    withContent: take("content", parseInline),
  });
  for (const name of given.keys()) {
    throw bad(
      `there is no read option ${quoted(name)}; there are last-id (after), from, since, until, tail (new), follow, wait, limit, last, topic, order, with-timestamp and content`,
    );
  }
  return checkCombination(options);
}

/** The options as query parameters: the inverse of {@link parseReadOptions}. */
export function formatReadOptions(options: ReadOptions): URLSearchParams {
  const query = new URLSearchParams();
  if (options.after !== undefined) query.set("last-id", options.after);
  if (options.from !== undefined) query.set("from", options.from);
  if (options.since !== undefined) query.set("since", formatTime(options.since));
  if (options.until !== undefined) query.set("until", formatTime(options.until));
  if (options.tail) query.set("tail", "true");
  if (options.follow) query.set("follow", String(options.pulse ?? true));
  if (options.wait !== undefined) query.set("wait", String(options.wait));
  if (options.limit !== undefined) query.set("limit", String(options.limit));
  if (options.last !== undefined) query.set("last", String(options.last));
  if (options.topics !== undefined) query.set("topic", options.topics.join(","));
  if (options.order !== "asc") query.set("order", options.order);
  if (options.withTimestamp) query.set("with-timestamp", "true");
  if (options.withContent) query.set("content", "inline");
  return query;
}

/** Checks that options make sense together. @throws XsError `bad_option`, naming them */
export function checkCombination(options: ReadOptions): ReadOptions {
  const { after, from, since, until, tail, follow, wait, last, order } = options;
  const waits = wait !== undefined;
  const senseless: readonly (readonly [boolean, string])[] = [
    [after !== undefined && from !== undefined, "last-id and from both name a start: give one"],
    [follow && waits, "follow stays live and wait ends after the first frame: give one"],
    [
      tail && !follow && !waits,
      "tail skips history, so without follow or wait there is nothing to read: add one",
    ],
    [
      tail && (after !== undefined || from !== undefined || since !== undefined),
      "tail skips history, so it does not go with last-id, from or since",
    ],
    [tail && last !== undefined, "tail skips history, so it does not go with last"],
    [
      until !== undefined && (follow || waits),
      "until ends the read, so it does not go with follow, tail or wait, which are for what comes",
    ],
    [
      since !== undefined && until !== undefined && since > until,
      "since is later than until, so nothing lies between: exchange them",
    ],
    [
      order === "desc" && (follow || tail || waits || last !== undefined),
      "order=desc does not go with follow, wait, tail or last",
    ],
    [order === "desc" && from !== undefined, "order=desc is bounded by last-id, not by from"],
    [
      order === "arrival" && last !== undefined,
      "last counts the newest by id, so it does not go with order=arrival",
    ],
  ];
  for (const [isSenseless, problem] of senseless) if (isSenseless) throw bad(problem);
  return options;
}

function parseIdOption(value: string, name: string): string {
  try {
    return parseId(value);
  } catch {
    throw new XsError(
      "bad_id",
      `${name}=${quoted(value)} is not an id: 25 base36 digits (SCRU128)`,
    );
  }
}

/** Parses an option that is on or off; an empty value is on. @throws XsError `bad_option` */
export function parseFlag(value: string, name: string): boolean {
  if (value === "" || value === "true" || value === "yes") return true;
  if (value === "false" || value === "no") return false;
  throw bad(`${name}=${quoted(value)} is neither true (yes) nor false (no)`);
}

/** Parses the option `content`, whose only value is `inline`. @throws XsError `bad_option` */
export function parseInline(value: string, name: string): boolean {
  if (value === "inline") return true;
  throw bad(
    `${name}=${quoted(value)}: the only value is inline, which adds the content to each frame`,
  );
}

/** Parses the option `follow` alone; null, for an absent option, means off. @throws XsError `bad_option` */
export function parseFollow(value: string | null): Pick<ReadOptions, "follow" | "pulse"> {
  if (value === null) return { follow: false };
  if (/^[0-9]+$/.test(value)) return { follow: true, pulse: parsePulse(value, "follow=") };
  return { follow: parseFlag(value, "follow") };
}

/** Parses how long a read waits, in ms; 0 does not wait. @throws XsError `bad_option` */
function parseWait(value: string, name: string): number {
  const ms = /^[0-9]{1,10}$/.test(value) ? Number(value) : Number.NaN;
  if (ms <= MAX_TIMER_MS) return ms;
  throw bad(`${name}=${quoted(value)}: the wait is from 0 to ${MAX_TIMER_MS} milliseconds`);
}

/**
 * Parses a heartbeat in ms.
 *
 * @param name how the user wrote the option, up to its value
 * @throws XsError `bad_option`
 */
export function parsePulse(value: string, name: string): number {
  const ms = /^[0-9]+$/.test(value) ? Number(value) : 0;
  if (ms >= 1 && ms <= MAX_TIMER_MS) return ms;
  throw bad(`${name}${quoted(value)}: the pulse is from 1 to ${MAX_TIMER_MS} milliseconds`);
}

/** Parses a count of frames: a whole number from 0 that a double holds exactly. @throws XsError `bad_option` */
export function parseCount(value: string, name: string): number {
  const count = /^[0-9]+$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(count)) return count;
  throw bad(`${name}=${quoted(value)} is not a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`);
}

function parseOrder(value: string): ReadOptions["order"] {
  if (value === "asc" || value === "desc" || value === "arrival") return value;
  throw bad(`order=${quoted(value)} is none of asc, desc and arrival`);
}

function compact<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;
}

function bad(problem: string): XsError {
  return new XsError("bad_option", problem);
}
