import { quoted, XsError } from "./error.ts";
import { parseId } from "./id.ts";
import { parseTopicFilter } from "./pattern.ts";

/** Which frames a read returns: history in order and then, when following, live frames. */
export interface ReadOptions {
  /** Start after this id; a descending read starts below it. */
  readonly after?: string;
  /** Start at this id. */
  readonly from?: string;
  /** Skip history. */
  readonly tail: boolean;
  /** Stay live after the replay. */
  readonly follow: boolean;
  /** The interval of heartbeats in a following read, in ms. */
  readonly pulse?: number;
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

/** The longest interval of heartbeats, in ms: timers accept no more. */
const MAX_PULSE = 2 ** 31 - 1;

const ALIASES: Record<string, string> = { after: "last-id", new: "tail" };

/**
 * Parses read options from a query or from the command line.
 *
 * @throws XsError `bad_option`, `bad_id`, `bad_topic`, each naming the option
 */
export function parseReadOptions(params: Iterable<readonly [string, string]>): ReadOptions {
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
  const { follow, pulse } = parseFollow(take("follow", (value) => value) ?? null);
  const options: ReadOptions = compact({
    after: take("last-id", parseIdOption),
    from: take("from", parseIdOption),
    tail: take("tail", parseFlag) ?? false,
    follow,
    pulse,
    limit: take("limit", parseCount),
    last: take("last", parseCount),
    topics: take("topic", parseTopicFilter),
    order: take("order", parseOrder) ?? "asc",
    withTimestamp: take("with-timestamp", parseFlag) ?? false,
    withContent: take("content", parseInline),
  });
  for (const name of given.keys()) {
    throw bad(
      `there is no read option ${quoted(name)}; there are last-id (after), from, tail (new), follow, limit, last, topic, order, with-timestamp and content`,
    );
  }
  return checkCombination(options);
}

/** The options as query parameters: the inverse of {@link parseReadOptions}. */
export function formatReadOptions(options: ReadOptions): URLSearchParams {
  const query = new URLSearchParams();
  if (options.after !== undefined) query.set("last-id", options.after);
  if (options.from !== undefined) query.set("from", options.from);
  if (options.tail) query.set("tail", "true");
  if (options.follow) query.set("follow", String(options.pulse ?? true));
  if (options.limit !== undefined) query.set("limit", String(options.limit));
  if (options.last !== undefined) query.set("last", String(options.last));
  if (options.topics !== undefined) query.set("topic", options.topics.join(","));
  if (options.order !== "asc") query.set("order", options.order);
  if (options.withTimestamp) query.set("with-timestamp", "true");
  if (options.withContent) query.set("content", "inline");
  return query;
}

function checkCombination(options: ReadOptions): ReadOptions {
  const { after, from, tail, follow, last, order } = options;
  const started = after !== undefined || from !== undefined;
  const problem =
    after !== undefined && from !== undefined
      ? "last-id and from both name a start: give one"
      : tail && !follow
        ? "tail skips history, so without follow there is nothing to read: add follow"
        : tail && started
          ? "tail skips history, so it does not go with last-id or from"
          : tail && last !== undefined
            ? "tail skips history, so it does not go with last"
            : order === "desc" && (follow || tail || last !== undefined)
              ? "order=desc does not go with follow, tail or last"
              : order === "desc" && from !== undefined
                ? "order=desc is bounded by last-id, not by from"
                : order === "arrival" && last !== undefined
                  ? "last counts the newest by id, so it does not go with order=arrival"
                  : undefined;
  if (problem) throw bad(problem);
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

/**
 * Parses a heartbeat in ms.
 *
 * @param name how the user wrote the option, up to its value
 * @throws XsError `bad_option`
 */
export function parsePulse(value: string, name: string): number {
  const ms = /^[0-9]+$/.test(value) ? Number(value) : 0;
  if (ms >= 1 && ms <= MAX_PULSE) return ms;
  throw bad(`${name}${quoted(value)}: the pulse is from 1 to ${MAX_PULSE} milliseconds`);
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
