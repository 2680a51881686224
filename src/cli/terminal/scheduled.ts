import { memberText } from "../../core/json.ts";
import { Clock } from "./clock.ts";
import { tableOf } from "./table.ts";

/** A line of `GET /-/scheduled`. */
interface ScheduledLine {
  readonly scheduled: string;
  readonly at: string | null;
  readonly topic?: string;
  readonly hash?: string | null;
  readonly error?: string;
}

/** Shows scheduled appends as a table, from lines of `GET /-/scheduled`. */
export const ScheduledTable = tableOf(
  [
    { head: "DUE", alignRight: true, format: (cell, { dim }) => dim(cell) },
    { head: "TOPIC", format: (cell, { name }) => name(cell) },
    { head: "ID" },
    { head: "META", isFlexible: true },
  ],
  cellsOf,
);

function cellsOf(line: string): string[] {
  const { scheduled, at, topic, hash, error } = JSON.parse(line) as ScheduledLine;
  const due = at === null ? "-" : new Clock().stamp(Date.parse(at));
  const meta = memberText(line, "meta");
  const content = hash ? "(content)" : "-";
  return [due, topic ?? "-", scheduled, error ?? (meta === "null" ? content : (meta ?? "-"))];
}
