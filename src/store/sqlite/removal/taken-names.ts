import { hasStarInside, splitList } from "../../../core/pattern.ts";
import type { TakenTopics } from "../../../core/taken-topics.ts";
import { RUNTIME_PREFIX } from "../../../core/topic.ts";
import { type NameCondition, nameCondition, nameRange, nameSpan } from "../log/name-condition.ts";

/** The condition that every one of these topics meets. Where a pattern has a `*` inside, some others meet it too. */
export function namesTaken({ patterns, runtime }: TakenTopics): NameCondition {
  const [above, below] = nameRange(`${RUNTIME_PREFIX}*`);
  const [others, own] = [anyOf(patterns ?? ["*"]), anyOf(runtime)];
  return {
    // The first condition is for the index: the others alone would read all names.
    sql: `(name BETWEEN ? AND ? AND ((name NOT BETWEEN ? AND ? AND ${others.sql}) OR ${own.sql}))`,
    values: [
      ...nameSpan([...(patterns ?? ["*"]), ...runtime]),
      above,
      below,
      ...others.values,
      ...own.values,
    ],
  };
}

/** The condition of a topic filter. */
function anyOf(list: readonly string[]): NameCondition {
  const { taken, away } = splitList(list);
  const wild = taken.filter((pattern) => pattern.includes("*")).map(nameCondition);
  const exact = taken.filter((pattern) => !pattern.includes("*"));
  const parts = wild.map(({ sql }) => sql);
  if (exact.length > 0) parts.push("name IN (SELECT value FROM json_each(?))");
  // The others are not exact, so they would take too much away.
  const without = away.filter((pattern) => !hasStarInside(pattern)).map(nameCondition);
  const sql = parts.length > 0 ? `(${parts.join(" OR ")})` : "false";
  return {
    sql: `(${[sql, ...without.map((each) => `NOT ${each.sql}`)].join(" AND ")})`,
    values: [
      ...wild.flatMap(({ values }) => values),
      ...(exact.length > 0 ? [JSON.stringify(exact)] : []),
      ...without.flatMap(({ values }) => values),
    ],
  };
}
