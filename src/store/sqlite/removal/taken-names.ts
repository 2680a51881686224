import type { TakenTopics } from "../../../core/taken-topics.ts";
import { RUNTIME_PREFIX } from "../../../core/topic.ts";

/** A condition on the column `name` of the table `topics`, and the values of its parameters. */
export interface NameCondition {
  readonly sql: string;
  readonly values: readonly string[];
}

/** The condition that a topic is one of these. */
export function namesTaken({ patterns, runtime }: TakenTopics): NameCondition {
  const [above, below] = rangeOf(`${RUNTIME_PREFIX}*`);
  const others = patterns === undefined ? { sql: "true", values: [] } : anyOf(patterns);
  const own = anyOf(runtime);
  return {
    // The first condition is for the index: the others alone would read all names.
    sql: `(name BETWEEN ? AND ? AND ((name NOT BETWEEN ? AND ? AND ${others.sql}) OR ${own.sql}))`,
    values: [...spanOf(patterns, runtime), above, below, ...others.values, ...own.values],
  };
}

/** The least and the greatest name that patterns may select. */
function spanOf(patterns: readonly string[] | undefined, runtime: readonly string[]): string[] {
  if (patterns === undefined) return ["", "~"];
  const ranges = [...patterns, ...runtime].map((pattern) =>
    pattern.endsWith(".*") ? rangeOf(pattern) : [pattern, pattern],
  );
  const all = ranges.flat().sort();
  return [all[0] ?? "", all.at(-1) ?? ""];
}

function anyOf(patterns: readonly string[]): NameCondition {
  const wild = patterns.filter((pattern) => pattern.endsWith(".*"));
  const exact = patterns.filter((pattern) => !pattern.endsWith(".*"));
  const parts = wild.map(() => "(name > ? AND name < ?)");
  if (exact.length > 0) parts.push("name IN (SELECT value FROM json_each(?))");
  return {
    sql: parts.length > 0 ? `(${parts.join(" OR ")})` : "false",
    values: [...wild.flatMap(rangeOf), ...(exact.length > 0 ? [JSON.stringify(exact)] : [])],
  };
}

/** The names below `a.*` are between these: the character after the dot in ASCII ends the range. */
function rangeOf(pattern: string): [above: string, below: string] {
  const prefix = pattern.slice(0, -1);
  return [prefix, `${prefix.slice(0, -1)}/`];
}
