import { quoted, XsError } from "./error.ts";

/** The longest topic, in bytes (topics are ASCII). */
const MAX_TOPIC = 255;
/** Topics and keys with this prefix belong to the runtime. */
export const RUNTIME_PREFIX = "stream.cross.";

const TOPIC = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/** Checks a topic's name and returns it. @throws XsError `bad_topic` */
export function parseTopic(text: string): string {
  const problem = topicProblem(text);
  if (problem) throw new XsError("bad_topic", `topic ${quoted(text)} ${problem}`);
  return text;
}

/** Why a text is no topic, as the end of a sentence that begins with it; undefined for a topic. */
export function topicProblem(text: string): string | undefined {
  return text.length === 0
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

/** Whether frames of a topic may start code: requests to the runtime, and the input of a duplex generator. */
export function concernsRuntime(topic: string): boolean {
  return topic.startsWith(RUNTIME_PREFIX) || topic.endsWith(".send");
}

/** The last part of a processor's topic, such as `spawn`; undefined for any other topic. */
export function processorEvent(topic: string): string | undefined {
  return /^stream\.cross\.(?:generator|duplex|handler)\.([a-z]+)$/.exec(topic)?.[1];
}
