import { memberText } from "../../core/json.ts";
import type { Style } from "../kit/colours.ts";
import { Clock } from "./clock.ts";
import { Table } from "./table.ts";

/** A line of `GET /-/scheduled`. */
interface ScheduledLine {
  readonly scheduled: string;
  readonly at: string | null;
  readonly topic?: string;
  readonly hash?: string | null;
  readonly error?: string;
}

/** Shows scheduled appends as a table. */
export class ScheduledTable {
  readonly #table: Table;

  constructor(style: Style) {
    this.#table = new Table(
      [
        { head: "DUE", alignRight: true, format: (cell, { dim }) => dim(cell) },
        { head: "TOPIC", format: (cell, { name }) => name(cell) },
        { head: "ID" },
        { head: "META", isFlexible: true },
      ],
      style,
    );
  }

  /** Yields the rows. @param lines as `GET /-/scheduled` returns them */
  *show(lines: readonly string[], columns: number): Generator<string> {
    yield this.#table.show(lines.map(cellsOf), columns);
  }
}

function cellsOf(line: string): string[] {
  const { scheduled, at, topic, hash, error } = JSON.parse(line) as ScheduledLine;
  const due = at === null ? "-" : new Clock().stamp(Date.parse(at));
  const meta = memberText(line, "meta");
  const content = hash ? "(content)" : "-";
  return [due, topic ?? "-", scheduled, error ?? (meta === "null" ? content : (meta ?? "-"))];
}
