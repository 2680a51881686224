import {
  commonPattern,
  normalList,
  type PatternList,
  parsePatterns,
  splitList,
  TopicFilter,
} from "./pattern.ts";
import { RUNTIME_PREFIX } from "./topic.ts";

/** The topics from which a rule, or `forget`, takes frames. Only a pattern that begins with `stream.cross.` takes from those. */
export interface TakenTopics {
  /** The patterns as one text, the same for the same patterns. */
  readonly text: string;
  /** The patterns, as a topic filter, of other topics than the runtime's; undefined for all of these. */
  readonly patterns: readonly string[] | undefined;
  /** The patterns, as a topic filter, of topics of the runtime. */
  readonly runtime: readonly string[];
}

const PROCESSORS = ["generator", "duplex", "handler"].map((kind) => `${RUNTIME_PREFIX}${kind}.*`);

/** Parses the pattern, or comma list of patterns, of what a rule or `forget` takes. @throws XsError `bad_topic` */
export function parseTakenTopics(text: string): TakenTopics {
  const isRuntime = (pattern: string) => pattern.startsWith(RUNTIME_PREFIX);
  const { taken, away } = parsePatterns(text);
  const named = text.split(",").map((part) => part.trim());
  const own = named.filter(isRuntime);
  const patterns = normalList({ taken: taken.filter((each) => !isRuntime(each)), away });
  const runtime = own.length > 0 ? (normalList({ ...parsePatterns(own.join()), away }) ?? []) : [];
  return { text: textOf(splitList(patterns ?? ["*"]), splitList(runtime)), patterns, runtime };
}

/** Each list in its order, and what both take away once. */
function textOf(others: PatternList, runtime: PatternList): string {
  const away = [...new Set([...others.away, ...runtime.away])].sort();
  return [...others.taken, ...runtime.taken, ...away.map((each) => `!${each}`)].join();
}

/** Tells whether frames of a topic are taken. */
export function takerOf({ patterns, runtime }: TakenTopics): (topic: string) => boolean {
  const [others, own] = [new TopicFilter(patterns), new TopicFilter(runtime)];
  return (topic) => (topic.startsWith(RUNTIME_PREFIX) ? own : others).takes(topic);
}

/** Whether frames of a topic are taken. */
export function takes(taken: TakenTopics, topic: string): boolean {
  return takerOf(taken)(topic);
}

/** Whether frames about processors may be taken. */
export function takesProcessors({ runtime }: TakenTopics): boolean {
  return splitList(runtime).taken.some((pattern) =>
    PROCESSORS.some((each) => commonPattern(each, pattern) !== undefined),
  );
}
