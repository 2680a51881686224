import type { TokenInfo } from "../../store/tokens.ts";
import type { Style } from "../kit/colours.ts";
import { Clock } from "./clock.ts";
import { Table } from "./table.ts";

/** Shows the tokens as a table. */
export class TokenTable {
  readonly #table: Table;

  constructor(style: Style) {
    this.#table = new Table(
      [
        { head: "NAME", format: (cell, { name }) => name(cell) },
        { head: "READS" },
        { head: "APPENDS", isFlexible: true },
        { head: "KEYS" },
        { head: "ALL" },
        { head: "ORIGIN" },
        {
          head: "DAYS LEFT",
          alignRight: true,
          format: (cell, { wrong }) => (cell === "expired" ? wrong(cell) : cell),
        },
        { head: "LAST USE", format: (cell, { dim }) => dim(cell) },
      ],
      style,
    );
  }

  /** Yields the heads and the rows of tokens. @param lines as `GET /-/tokens` returns them */
  *show(lines: readonly string[], columns: number): Generator<string> {
    const rows = lines.map((line) => cellsOf(JSON.parse(line) as TokenInfo));
    yield this.#table.show(rows, columns);
  }
}

function cellsOf(token: TokenInfo): string[] {
  const { name, read, append, keys, cors, all, days_left: left, last_use: used } = token;
  return [
    name,
    read.join(",") || "-",
    append.join(",") || "-",
    keys ?? "-",
    all ? "yes" : "-",
    cors ?? "-",
    left === null ? "-" : left === 0 ? "expired" : String(left),
    used === null ? "never" : new Clock().stamp(Date.parse(used)),
  ];
}
