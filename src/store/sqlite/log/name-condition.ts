import { hasStarInside, splitList } from "../../../core/pattern.ts";

/** A condition on the column `name` of the table `topics`, and the values of its parameters. */
export interface NameCondition {
  readonly sql: string;
  readonly values: readonly string[];
}

/** Stars of one pattern that SQLite compares: with many it may try many ways. */
const MAX_STARS = 4;

/** The condition that every topic of a pattern meets, by an index. Where a `*` stands inside, some others meet it too. */
export function nameCondition(pattern: string): NameCondition {
  if (pattern === "*") return { sql: "true", values: [] };
  if (!pattern.includes("*")) return { sql: "name = ?", values: [pattern] };
  const [above, below] = nameRange(pattern);
  const range = above === "" ? undefined : "name > ? AND name < ?";
  if (!hasStarInside(pattern)) return { sql: `(${range})`, values: [above, below] };
  // A `*` of GLOB takes dots as well.
  const parts = pattern.split("*");
  const glob = parts.length <= MAX_STARS ? pattern : `${parts.slice(0, MAX_STARS).join("*")}*`;
  return range === undefined
    ? { sql: "name GLOB ?", values: [glob] }
    : { sql: `(${range} AND name GLOB ?)`, values: [above, below, glob] };
}

/** The names that a pattern with a `*` takes are between these two. */
export function nameRange(pattern: string): [above: string, below: string] {
  const prefix = pattern.slice(0, pattern.indexOf("*"));
  // The character after the dot in ASCII ends the range.
  return prefix === "" ? ["", "~"] : [prefix, `${prefix.slice(0, -1)}/`];
}

/** Two names between which, or at which, are all names that a topic filter takes. */
export function nameSpan(list: readonly string[] | undefined): [least: string, greatest: string] {
  const ranges = splitList(list ?? ["*"]).taken.map((pattern) =>
    pattern.includes("*") ? nameRange(pattern) : [pattern, pattern],
  );
  const all = ranges.flat().sort();
  return [all[0] ?? "", all.at(-1) ?? ""];
}
