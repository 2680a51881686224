import { quoted, XsError } from "./error.ts";

/** Longest topic, in bytes (topics are ASCII). */
export const MAX_TOPIC = 255;
/** Most topics that one read may name. */
export const MAX_TOPICS_IN_FILTER = 100;
/** Topics below this belong to the runtime. */
export const RUNTIME_PREFIX = "stream.cross.";

const TOPIC = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/** Checks a topic's name and gives it back. @throws XsError `bad_topic` */
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
 * Checks that a client may append to this topic. Below `stream.cross.` that is only what asks the
 * runtime for something: `….spawn` and `….terminate`.
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

/** What a frame says of a processor, the last part of its topic, as `spawn`; undefined for others. */
export function processorEvent(topic: string): string | undefined {
  return /^stream\.cross\.(?:generator|duplex|handler)\.([a-z]+)$/.exec(topic)?.[1];
}

/**
 * The scopes a topic is found under: its own name, and one wildcard for each level above it, so
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
 * Parses a topic filter: `a.b`, `a.*`, `*` or a comma list. Gives the scopes to read, sorted and
 * disjoint (what a wildcard of the list covers is dropped), or `undefined` for the whole stream.
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
