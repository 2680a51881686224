import { quoted, XsError } from "./error.ts";
import { topicProblem } from "./topic.ts";

/** The most patterns of a list. */
const MAX_PATTERNS = 100;

/** The forms of a pattern, for a message about a text that has none of them. */
const FORMS =
  "a pattern is a topic (a.b), a.* for all below a, * for all topics, or has * for exactly one part (*.b, a.*.c)";

/**
 * The scopes that contain a topic: its own name, and one wildcard for each level above it, so
 * `a.b.c` is in `a.b.c`, `a.b.*` and `a.*`.
 */
export function scopesOf(topic: string): string[] {
  const scopes = [topic];
  for (let dot = topic.lastIndexOf("."); dot > 0; dot = topic.lastIndexOf(".", dot - 1)) {
    scopes.push(`${topic.slice(0, dot)}.*`);
  }
  return scopes;
}

/** The patterns of a list: those that take topics, and those behind a `!`, which take topics away. */
export interface PatternList {
  readonly taken: readonly string[];
  readonly away: readonly string[];
}

/**
 * Parses a topic filter: a pattern, or a comma list of patterns, of which those with a `!` take topics away. Returns
 * the list in its normal form, see {@link normalList}.
 *
 * @throws XsError `bad_topic`
 */
export function parseTopicFilter(text: string): string[] | undefined {
  return normalList(parsePatterns(text));
}

/** Parses a comma list of patterns; none is covered by another one of its kind. @throws XsError `bad_topic` */
export function parsePatterns(text: string): PatternList {
  const parts = new Set(text.split(",").map((part) => part.trim()));
  if (parts.size > MAX_PATTERNS) {
    throw bad(`a list of topics has at most ${MAX_PATTERNS} patterns, and this one has more`);
  }
  for (const part of parts) checkPattern(part, parts.size > 1);
  const { taken, away } = splitList([...parts]);
  if (taken.length === 0) {
    const list = [...parts].join();
    throw bad(
      `the topic pattern ${quoted(list)} only takes topics away, from none: for all the others write ${quoted(`*,${list}`)}`,
    );
  }
  return { taken: withoutCovered(taken), away: withoutCovered(away) };
}

/** Splits a list as {@link normalList} returns it. */
export function splitList(list: readonly string[]): PatternList {
  return {
    taken: list.filter((each) => !each.startsWith("!")),
    away: list.filter((each) => each.startsWith("!")).map((each) => each.slice(1)),
  };
}

/**
 * Joins patterns to one list: sorted, first those that take topics, and of the others, with their `!`, those that make
 * a difference. Returns `undefined` for all topics.
 */
export function normalList({ taken, away }: PatternList): string[] | undefined {
  const all = taken.map(partsOf);
  const effective = away.filter((each) => {
    const parts = partsOf(each);
    return all.some((one) => commonParts(one, parts) !== undefined);
  });
  if (effective.length === 0 && taken.includes("*")) return undefined;
  return [...taken.toSorted(), ...effective.toSorted().map((each) => `!${each}`)];
}

/** The pattern of the topics that two patterns have in common; undefined if there can be none. */
export function commonPattern(one: string, other: string): string | undefined {
  if (one === "*" || one === other) return other;
  const common = commonParts(partsOf(one), partsOf(other));
  return common && [...common.names, ...(common.isOpen ? ["*"] : [])].join(".");
}

/** Whether a `*` of a pattern stands for exactly one part of a topic: an index cannot find such topics by a prefix. */
export function hasStarInside(pattern: string): boolean {
  const star = pattern.indexOf("*");
  return star >= 0 && star < pattern.length - 1;
}

/** Tells which topics a list of patterns takes, for what is stored and for what comes. */
export class TopicFilter {
  /** The patterns that are scopes of the topics they take. */
  readonly #scopes: ReadonlySet<string>;
  /** The others. */
  readonly #expression: RegExp | undefined;
  readonly #away: TopicFilter | undefined;

  /** @param list as {@link normalList} returns it; undefined takes every topic */
  constructor(list: readonly string[] | undefined) {
    const { taken, away } = splitList(list ?? ["*"]);
    const others = taken.filter((each) => each === "*" || hasStarInside(each));
    this.#scopes = new Set(taken);
    this.#expression =
      others.length > 0 ? new RegExp(`^(?:${others.map(sourceOf).join("|")})$`) : undefined;
    this.#away = away.length > 0 ? new TopicFilter(away) : undefined;
  }

  /** Whether it takes a topic. */
  takes(topic: string): boolean {
    return this.takesScopes(scopesOf(topic));
  }

  /** As {@link takes}, by the scopes of a topic, the topic first: live frames carry these already. */
  takesScopes(scopes: readonly string[]): boolean {
    return this.#isAmong(scopes) && (this.#away === undefined || !this.#away.takesScopes(scopes));
  }

  // Each follower asks this about each frame.
  #isAmong(scopes: readonly string[]): boolean {
    for (const scope of scopes) if (this.#scopes.has(scope)) return true;
    return this.#expression?.test(scopes[0] ?? "") ?? false;
  }
}

/** The parts between the dots. A last `*`, which stands for one part or more, is not among them. */
interface Parts {
  readonly names: readonly string[];
  readonly isOpen: boolean;
}

function partsOf(pattern: string): Parts {
  const names = pattern.split(".");
  const isOpen = names.at(-1) === "*";
  return { names: isOpen ? names.slice(0, -1) : names, isOpen };
}

function commonParts(one: Parts, other: Parts): Parts | undefined {
  const [short, long] = one.names.length <= other.names.length ? [one, other] : [other, one];
  const isLonger = long.names.length > short.names.length;
  if (isLonger ? !short.isOpen : short.isOpen !== long.isOpen) return undefined;
  const names: string[] = [];
  for (const [at, name] of long.names.entries()) {
    const its = short.names[at] ?? "*";
    if (name !== its && name !== "*" && its !== "*") return undefined;
    names.push(name === "*" ? its : name);
  }
  return { names, isOpen: long.isOpen };
}

/** The pattern as a regular expression: a `*` at the end is one part or more, another one is exactly one part. */
function sourceOf(pattern: string): string {
  const { names, isOpen } = partsOf(pattern);
  const parts = names.map((name) => (name === "*" ? "[^.]+" : name));
  return [...parts, ...(isOpen ? [".+"] : [])].join("\\.");
}

function withoutCovered(patterns: readonly string[]): readonly string[] {
  const wide = patterns.filter((each) => each.includes("*"));
  if (wide.length === 0) return patterns;
  const isCovered = (each: string) =>
    wide.some((other) => other !== each && commonPattern(other, each) === each);
  return patterns.filter((each) => !isCovered(each));
}

/** @throws XsError `bad_topic` */
function checkPattern(text: string, isInList: boolean): void {
  const pattern = text.startsWith("!") ? text.slice(1) : text;
  const problem = patternProblem(text, pattern, isInList);
  if (problem !== undefined) throw bad(problem);
}

function patternProblem(text: string, pattern: string, isInList: boolean): string | undefined {
  if (text === "" && isInList) {
    return "the list of topics has an empty part: write the patterns with one comma between two";
  }
  if (text === "!") {
    return 'the topic pattern "!" is not whole: a ! stands before the pattern that it takes away, as in *,!a.*';
  }
  if (pattern.startsWith("!")) {
    return `the topic pattern ${quoted(text)} has more than one !: one takes the pattern away`;
  }
  const names = pattern.split(".");
  if (names.some((name) => name.includes("*") && name !== "*")) {
    return `the topic pattern ${quoted(text)} has a * beside other characters: a * stands alone between dots; ${FORMS}`;
  }
  if (pattern === "*") return undefined;
  // A `*` inside stands for a name of at least one letter.
  const named = names.at(-1) === "*" ? names.slice(0, -1) : names;
  const problem = topicProblem(named.map((name) => (name === "*" ? "_" : name)).join("."));
  return (
    problem &&
    `${pattern === text && !text.includes("*") ? "topic" : "topic pattern"} ${quoted(text)} ${problem}`
  );
}

function bad(problem: string): XsError {
  return new XsError("bad_topic", problem);
}
