import { XsError } from "./error.ts";
import { parseTopic } from "./topic.ts";

/** The most topics that one read may name. */
const MAX_TOPICS_IN_FILTER = 100;

/**
 * The scopes that contain a topic: its own name, and one wildcard for each level above it, so
 * `a.b.c` is in `a.b.c`, `a.b.*` and `a.*`. A read of any scope is one index range.
 */
export function scopesOf(topic: string): string[] {
  const scopes = [topic];
  for (let dot = topic.lastIndexOf("."); dot > 0; dot = topic.lastIndexOf(".", dot - 1)) {
    scopes.push(`${topic.slice(0, dot)}.*`);
  }
  return scopes;
}

/**
 * Parses a topic filter: `a.b`, `a.*`, `*` or a comma list. Returns the scopes to read, sorted and
 * disjoint (a wildcard replaces the topics it covers), or `undefined` for the whole stream.
 *
 * @throws XsError `bad_topic`
 */
export function parseTopicFilter(text: string): string[] | undefined {
  const parts = new Set(text.split(",").map((part) => part.trim()));
  if (parts.size > MAX_TOPICS_IN_FILTER) {
    throw new XsError("bad_topic", `a read names at most ${MAX_TOPICS_IN_FILTER} topics`);
  }
  for (const part of parts) {
    if (part !== "*") parseTopic(part.endsWith(".*") ? part.slice(0, -2) : part);
  }
  if (parts.has("*")) return undefined;
  const covered = (part: string) => {
    // `a.b.*` is covered by `a.*`, never by itself.
    const above = scopesOf(part.endsWith(".*") ? part.slice(0, -2) : part);
    return above.some((scope) => scope !== part && scope.endsWith(".*") && parts.has(scope));
  };
  return [...parts].filter((part) => !covered(part)).sort();
}

/** Tells whether patterns, as {@link parseTopicFilter} returns them, select a topic; undefined selects all. */
export function matches(patterns: ReadonlySet<string> | undefined, topic: string): boolean {
  return patterns === undefined || matchesKeys(patterns, scopesOf(topic));
}

/** Tells whether patterns select a topic, by its scopes: live frames carry these already. */
export function matchesKeys(patterns: ReadonlySet<string>, keys: readonly string[]): boolean {
  return keys.some((key) => patterns.has(key));
}
