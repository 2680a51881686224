import { quoted, XsError } from "./error.ts";

/** The longest topic, in bytes (topics are ASCII). */
export const MAX_TOPIC = 255;
/** The most topics that one read may name. */
export const MAX_TOPICS_IN_FILTER = 100;
/** Topics and keys with this prefix belong to the runtime. */
export const RUNTIME_PREFIX = "stream.cross.";

const TOPIC = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/** Checks a topic's name and returns it. @throws XsError `bad_topic` */
export function parseTopic(text: string): string {
  const problem =
    text.length === 0
      ? "is empty"
      : text.length > MAX_TOPIC
        ? `is longer than ${MAX_TOPIC} bytes`
        : !TOPIC.test(text)
          ? "may hold only letters, digits, '_', '.' and '-', and begins with a letter or '_'"
          : text.includes("..")
            ? "may not hold '..'"
            : text.endsWith(".")
              ? "may not end with '.'"
              : undefined;
  if (problem) throw new XsError("bad_topic", `topic ${quoted(text)} ${problem}`);
  return text;
}

/**
 * Checks that a client may append to this topic. Below `stream.cross.`, clients may append only requests
 * to the runtime: `….spawn` and `….terminate`.
 *
 * @throws XsError `bad_topic`, `reserved_topic`
 */
export function parseClientTopic(text: string): string {
  const topic = parseTopic(text);
  if (topic.startsWith(RUNTIME_PREFIX) && !/\.[^.]+\.(spawn|terminate)$/.test(topic.slice(12))) {
    throw new XsError(
      "reserved_topic",
      `topic ${quoted(topic)} belongs to the runtime; below ${RUNTIME_PREFIX} you may append only *.spawn and *.terminate`,
    );
  }
  return topic;
}

/** The last part of a processor's topic, such as `spawn`; undefined for any other topic. */
export function processorEvent(topic: string): string | undefined {
  return /^stream\.cross\.(?:generator|duplex|handler)\.([a-z]+)$/.exec(topic)?.[1];
}

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
