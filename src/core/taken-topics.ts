import { matches, parseTopicFilter } from "./pattern.ts";
import { RUNTIME_PREFIX } from "./topic.ts";

/** The topics from which a rule, or `forget`, takes frames. Only a pattern that begins with `stream.cross.` takes from those. */
export interface TakenTopics {
  /** The patterns as one text, the same for the same patterns. */
  readonly text: string;
  /** The patterns of other topics than the runtime's; undefined for all of these. */
  readonly patterns: readonly string[] | undefined;
  /** The patterns of topics of the runtime. */
  readonly runtime: readonly string[];
}

/** Parses the pattern, or comma list of patterns, of what a rule or `forget` takes. @throws XsError `bad_topic` */
export function parseTakenTopics(text: string): TakenTopics {
  const filter = parseTopicFilter(text);
  const parts = text.split(",").map((part) => part.trim());
  const named = parts.filter((part) => part.startsWith(RUNTIME_PREFIX));
  const runtime = named.length > 0 ? (parseTopicFilter(named.join()) ?? []) : [];
  const patterns = filter?.filter((part) => !part.startsWith(RUNTIME_PREFIX));
  return { text: [...(patterns ?? ["*"]), ...runtime].join(), patterns, runtime };
}

/** Whether frames of a topic are taken. */
export function takes({ patterns, runtime }: TakenTopics, topic: string): boolean {
  if (topic.startsWith(RUNTIME_PREFIX)) return matches(new Set(runtime), topic);
  return patterns === undefined || matches(new Set(patterns), topic);
}

/** Whether frames about processors may be taken. */
export function takesProcessors({ runtime }: TakenTopics): boolean {
  return runtime.some((pattern) =>
    /^stream\.cross\.(?:\*|(?:generator|duplex|handler)\..*)$/.test(pattern),
  );
}
