import { quoted, XsError } from "./error.ts";
import { parseKey } from "./key.ts";
import { parseTakenTopics } from "./taken-topics.ts";
import { DURATION_FORMS, parseDuration } from "./time.ts";
import { RUNTIME_PREFIX } from "./topic.ts";

/** The rules are the entries below this prefix; the rest of the key is the pattern. */
export const KEEP_PREFIX = `${RUNTIME_PREFIX}keep/`;

/** What a rule keeps: the frames that are younger than an age, or a count of the newest of each topic. */
export type Kept = { readonly age: number } | { readonly count: number };

/** A rule of retention: of the frames of these topics the others are removed. */
export interface KeepRule {
  /** As `parseTakenTopics` writes it. */
  readonly pattern: string;
  /** In ms; null for a rule by count. */
  readonly age_ms: number | null;
  /** Of each topic; null for a rule by age. */
  readonly count: number | null;
}

/** Parses what a rule keeps: an age, `30d`, or a count. @throws XsError `bad_option` */
export function parseKept(text: string): Kept {
  const count = /^[1-9][0-9]{0,14}$/.test(text) ? Number(text) : undefined;
  if (count !== undefined) return { count };
  const age = parseDuration(text);
  if (age !== undefined && age > 0) return { age };
  throw new XsError(
    "bad_option",
    `${quoted(text)} is neither an age, like ${DURATION_FORMS}, nor a number of frames for each topic, from 1 up`,
  );
}

/** The rule of a pattern. @throws XsError `bad_topic` */
export function keepRule(pattern: string, kept: Kept): KeepRule {
  return {
    pattern: parseTakenTopics(pattern).text,
    age_ms: "age" in kept ? kept.age : null,
    count: "count" in kept ? kept.count : null,
  };
}

/** The key of the rule of a pattern. @throws XsError `bad_topic`, also for a list that is too long for a key */
export function keepKey(pattern: string): string {
  const key = KEEP_PREFIX + parseTakenTopics(pattern).text;
  try {
    return parseKey(key);
  } catch (cause) {
    const problem = `the patterns of one rule are too long together: make a rule for each of ${quoted(pattern)}`;
    throw new XsError("bad_topic", problem, { cause });
  }
}

/** The rule in the value of an entry; undefined for a value that is none. */
export function keepRuleIn(value: Uint8Array): KeepRule | undefined {
  try {
    const { pattern, age_ms, count } = JSON.parse(new TextDecoder().decode(value)) as KeepRule;
    const isWhole = (n: unknown) => Number.isSafeInteger(n) && (n as number) > 0;
    if (isWhole(age_ms) === isWhole(count)) return undefined;
    return keepRule(
      pattern,
      isWhole(age_ms) ? { age: age_ms as number } : { count: count as number },
    );
  } catch {
    return undefined;
  }
}
