import type { KeepRule } from "../../core/keep-rule.ts";
import { formatDuration } from "../../core/time.ts";
import { tableOf } from "./table.ts";

/** Shows the rules of retention as a table, from lines of `GET /-/keep`. */
export const RuleTable = tableOf(
  [
    { head: "PATTERN", isFlexible: true, format: (cell, { name }) => name(cell) },
    { head: "KEEPS" },
  ],
  (line) => {
    const { pattern, age_ms: age, count } = JSON.parse(line) as KeepRule;
    const newest = `the ${count?.toLocaleString("en")} newest of each topic`;
    return [pattern, age === null ? newest : formatDuration(age)];
  },
);
