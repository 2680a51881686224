import type { JournalStatus, NodeStatus } from "../../core/node-status.ts";
import type { Style } from "../kit/colours.ts";
import { plural } from "../kit/plural.ts";
import { agoText } from "./clock.ts";
import { fit } from "./fit.ts";
import { sizeText } from "./size.ts";
import { Table } from "./table.ts";

/** Clocks that differ less than this say nothing, in ms. */
const CLOCK_MS = 1000;

/** Shows the nodes of a store as a table, and its journal in a line below. */
export class NodesTable {
  readonly #style: Style;
  readonly #table: Table;

  constructor(style: Style) {
    this.#style = style;
    this.#table = new Table(
      [
        { head: "NAME", format: (cell, { name }) => name(cell) },
        {
          head: "ROLE",
          format: (cell, { wrong, bold }) =>
            cell === "away" ? wrong(cell) : cell === "leader" ? bold(cell) : cell,
        },
        { head: "EPOCH", alignRight: true },
        { head: "RECORD", alignRight: true },
        { head: "BEHIND", alignRight: true },
        { head: "CONTENT" },
        { head: "FREE", alignRight: true },
        { head: "CLOCK" },
        { head: "VERSION" },
        { head: "ADDRESS" },
        {
          head: "PROBLEM",
          isFlexible: true,
          least: 24,
          format: (cell, { wrong }) => (cell === "-" ? cell : wrong(cell)),
        },
      ],
      style,
    );
  }

  /** Yields the table and the line. @param lines as `GET /-/nodes` returns them */
  *show(lines: readonly string[], columns: number): Generator<string> {
    const rows = lines.map((line) => JSON.parse(line) as NodeStatus | JournalStatus);
    const nodes = rows.filter((row) => row.kind === "node");
    if (nodes.length > 0) yield this.#table.show(nodes.map(cellsOf), columns);
    for (const row of rows) {
      if (row.kind !== "journal") continue;
      yield `${this.#style.dim(fit(journalText(row), columns, this.#style).text)}\n`;
    }
  }
}

function cellsOf(node: NodeStatus): string[] {
  const { behind, behind_ms: ms, clock_ms: clock, disk_free_bytes: free } = node;
  return [
    node.name,
    node.role,
    String(node.epoch ?? "-"),
    String(node.record ?? "-"),
    behindText(behind, ms),
    contentText(node),
    free === null ? "-" : sizeText(free),
    clock === null || Math.abs(clock) < CLOCK_MS ? "-" : `${clock > 0 ? "+" : ""}${seconds(clock)}`,
    node.version ?? "-",
    node.address ?? "-",
    problemText(node),
  ];
}

function behindText(records: number | null, ms: number | null): string {
  if (records === null) return "-";
  if (records === 0 || ms === null || ms < CLOCK_MS) return String(records);
  return `${records} (${seconds(ms)})`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

function contentText({
  contents,
  content_bytes: bytes,
  contents_elsewhere: elsewhere,
}: NodeStatus) {
  if (contents === null) return "-";
  const here = contents === 0 ? "0" : `${contents} (${sizeText(bytes ?? 0)})`;
  return elsewhere ? `${here}, ${elsewhere} elsewhere` : here;
}

function problemText({ problem, last_seen: seen }: NodeStatus): string {
  if (problem === null) return "-";
  const ago = seen === null ? "now" : agoText(Date.parse(seen));
  return ago === "now" ? problem : `${problem} (last ${ago})`;
}

function journalText(journal: JournalStatus): string {
  const { name, first, last, replicas, append_ms: ms, leader } = journal;
  const facts = [
    first === null ? `up to record ${last} as far as known` : recordsText(first, last),
    replicas !== null && `on ${plural(replicas, "servers")}`,
    ms !== null && `last append ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`,
    leader === null && "no node leads",
    !journal.reachable && "out of reach: reads go on, writes wait",
  ];
  return `journal ${name}: ${facts.filter(Boolean).join(", ")}`;
}

function recordsText(first: number, last: number): string {
  return last < first ? "no record yet" : `records ${first} to ${last}`;
}
