import type { ListedProcessor } from "../../processors/lifecycle/status.ts";
import type { Style } from "../kit/colours.ts";
import { Clock, untilTime } from "./clock.ts";
import { Table } from "./table.ts";

const BAD_STATE = /^(?:re(?:start|try)ing|failed|invalid)/;

/** Shows the processors as a table. */
export class ProcessorTable {
  readonly #style: Style;
  #table: Table | undefined;
  /** Some generator has a schedule. */
  #hasNext = false;
  /** It is a store on several machines. */
  #hasNodes = false;
  /** With those that have ended, and the reasons. */
  readonly #all: boolean;

  constructor(style: Style, all = false) {
    this.#style = style;
    this.#all = all;
  }

  /** Yields the heads and the rows of processors. @param lines as `GET /ps` returns them */
  *show(lines: readonly string[], columns: number): Generator<string> {
    const rows = lines.map((line) => JSON.parse(line) as ListedProcessor);
    this.#table ??= this.#tableFor(rows);
    const columnsOf = { hasNext: this.#hasNext, hasNodes: this.#hasNodes, all: this.#all };
    const cells = rows.map((row) => cellsOf(row, columnsOf));
    yield this.#table.show(cells, columns);
  }

  #tableFor(rows: readonly ListedProcessor[]): Table {
    this.#hasNext = rows.some(({ every }) => every !== null);
    this.#hasNodes = rows.some(({ node }) => node !== undefined);
    const all = this.#all;
    return new Table(
      [
        { head: "KIND" },
        { head: "NAME", isFlexible: !all, format: (cell, { name }) => name(cell) },
        {
          head: "STATE",
          format: (cell, { wrong }) => (BAD_STATE.test(cell) ? wrong(cell) : cell),
        },
        ...(all ? [{ head: "ENDED" }] : []),
        ...(this.#hasNext ? [{ head: "NEXT" }] : []),
        ...(this.#hasNodes ? [{ head: "NODE" }] : []),
        { head: "PID" },
        { head: "UPTIME" },
        { head: "RESTARTS" },
        { head: "LAST EXIT" },
        { head: "BEHIND" },
        { head: "SPAWN", isId: true, format: (cell, { dim }) => dim(cell) },
        ...(all ? [{ head: "REASON", isFlexible: true, least: 30 }] : []),
      ],
      this.#style,
    );
  }
}

/** Shows also the processors that have ended. */
export class AllProcessorsTable extends ProcessorTable {
  constructor(style: Style) {
    super(style, true);
  }
}

function cellsOf(
  row: ListedProcessor,
  { hasNext, hasNodes, all }: Readonly<Record<"hasNext" | "hasNodes" | "all", boolean>>,
): string[] {
  const { uptime_ms: up, last_exit: exit, behind_ms: behind } = row;
  return [
    row.kind,
    row.name,
    row.retry === null ? row.state : `${row.state} ${row.retry.failures}/${row.retry.retries}`,
    ...(all ? [row.ended === null ? "-" : new Clock().stamp(Date.parse(row.ended))] : []),
    ...(hasNext ? [row.next === null ? "-" : untilTime(Date.parse(row.next))] : []),
    ...(hasNodes ? [row.node ?? "-"] : []),
    String(row.pid ?? "-"),
    up === null ? "-" : duration(up),
    String(row.restarts),
    exit === null ? "-" : String(exit.signal ?? exit.code ?? "did not start"),
    behind === null ? "-" : behind === 0 ? "0" : duration(behind),
    row.spawn_id,
    ...(all ? [row.reason?.replaceAll(/\s+/g, " ").trim() ?? ""] : []),
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
