import type { KeepRule } from "../../core/keep-rule.ts";
import { formatDuration } from "../../core/time.ts";
import type { Style } from "../kit/colours.ts";
import { Table } from "./table.ts";

/** Shows the rules of retention as a table. */
export class RuleTable {
  readonly #table: Table;

  constructor(style: Style) {
    this.#table = new Table(
      [
        { head: "PATTERN", isFlexible: true, format: (cell, { name }) => name(cell) },
        { head: "KEEPS" },
      ],
      style,
    );
  }

  /** Yields the heads and the rows of rules. @param lines as `GET /-/keep` returns them */
  *show(lines: readonly string[], columns: number): Generator<string> {
    const rows = lines.map((line) => JSON.parse(line) as KeepRule);
    yield this.#table.show(
      rows.map(({ pattern, age_ms: age, count }) => [
        pattern,
        age === null
          ? `the ${count?.toLocaleString("en")} newest of each topic`
          : formatDuration(age),
      ]),
      columns,
    );
  }
}
