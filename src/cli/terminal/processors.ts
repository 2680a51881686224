import type { ProcessorStatus } from "../../processors/lifecycle/status.ts";
import type { Style } from "../kit/colours.ts";
import { untilTime } from "./clock.ts";
import { Table } from "./table.ts";

/** Shows the processors as a table. */
export class ProcessorTable {
  readonly #style: Style;
  #table: Table | undefined;
  /** Some generator has a schedule. */
  #hasNext = false;

  constructor(style: Style) {
    this.#style = style;
  }

  /** Yields the heads and the rows of processors. @param lines as `GET /ps` returns them */
  *show(lines: readonly string[], columns: number): Generator<string> {
    const rows = lines.map((line) => JSON.parse(line) as ProcessorStatus);
    this.#table ??= this.#tableFor(rows);
    const cells = rows.map((row) => cellsOf(row, this.#hasNext));
    yield this.#table.show(cells, columns);
  }

  #tableFor(rows: readonly ProcessorStatus[]): Table {
    this.#hasNext = rows.some(({ every }) => every !== null);
    return new Table(
      [
        { head: "KIND" },
        { head: "NAME", isFlexible: true, format: (cell, { name }) => name(cell) },
        {
          head: "STATE",
          format: (cell, { wrong }) => (/^re(?:start|try)ing/.test(cell) ? wrong(cell) : cell),
        },
        ...(this.#hasNext ? [{ head: "NEXT" }] : []),
        { head: "PID" },
        { head: "UPTIME" },
        { head: "RESTARTS" },
        { head: "LAST EXIT" },
        { head: "BEHIND" },
        { head: "SPAWN", isId: true, format: (cell, { dim }) => dim(cell) },
      ],
      this.#style,
    );
  }
}

function cellsOf(row: ProcessorStatus, hasNext: boolean): string[] {
  const { uptime_ms: up, last_exit: exit, behind_ms: behind } = row;
  return [
    row.kind,
    row.name,
    row.retry === null ? row.state : `${row.state} ${row.retry.failures}/${row.retry.retries}`,
    ...(hasNext ? [row.next === null ? "-" : untilTime(Date.parse(row.next))] : []),
    String(row.pid ?? "-"),
    up === null ? "-" : duration(up),
    String(row.restarts),
    exit === null ? "-" : String(exit.signal ?? exit.code ?? "did not start"),
    behind === null ? "-" : behind === 0 ? "0" : duration(behind),
    row.spawn_id,
  ];
}

function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (ms < 1000) return `${ms} ms`;
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const hours = Math.floor(seconds / 3600);
  if (hours < 48) return `${hours} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(hours / 24)} d`;
}
