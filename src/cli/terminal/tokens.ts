import type { TokenInfo } from "../../store/tokens.ts";
import { Clock } from "./clock.ts";
import { tableOf } from "./table.ts";

/** Shows the tokens as a table, from lines of `GET /-/tokens`. */
export const TokenTable = tableOf(
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
  (line) => {
    const token = JSON.parse(line) as TokenInfo;
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
  },
);
