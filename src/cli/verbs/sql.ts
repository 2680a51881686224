import { takeSnapshot } from "../../client/query.ts";
import { XsError } from "../../core/error.ts";
import { isTerminal, STDOUT } from "../../lib/is-terminal.ts";
import type { QueryResult } from "../../store/query.ts";
import { migration } from "../kit/connect.ts";
import { readAll } from "../kit/input.ts";
import { writeOut } from "../kit/output.ts";
import { printRows } from "../kit/print-rows.ts";
import { csvFormat, jsonFormat, type RowFormat } from "../kit/sql-formats.ts";
import { storeAddress } from "../kit/target.ts";
import { flag, parsed, STORE_OPTION, UsageError, type Verb } from "../kit/verb.ts";

/** So many rows are written each as it comes, where the format needs no look at the next ones. */
const EAGER_ROWS = 100;

export const sqlVerb: Verb = {
  name: "sql",
  summary: "Ask the store in SQL; without a query it shows the views, and queries to begin with",
  positionals: "[QUERY]",
  takesMinus: true,
  options: {
    csv: flag("print CSV with a line of heads"),
    json: flag("print JSON lines, as in a pipe, on a terminal too"),
    ...STORE_OPTION,
  },
  examples: [
    ["xs sql", "the views with their columns, and ten queries"],
    ["xs sql 'SELECT topic, frames FROM topics ORDER BY frames DESC'", "the busiest topics first"],
    [
      `xs sql "SELECT time, meta ->> '$.open' AS open FROM frames WHERE topic = 'door'"`,
      "a member of the meta",
    ],
    ["xs sql --csv 'SELECT * FROM kv' > kv.csv", "for a spreadsheet"],
    ["xs sql -s ./store - < report.sql", "the query comes on stdin"],
  ],
  async run({ positionals, options, store }) {
    const [word, ...more] = positionals;
    if (options.has("csv") && options.has("json")) {
      throw new UsageError("--csv does not go with --json");
    }
    if (more.length > 0) {
      throw new UsageError(
        "the query is one word, in quotes: xs sql 'SELECT * FROM topics'; -s ADDR names the store",
      );
    }
    const address = storeAddress(store);
    if (word === undefined) {
      const { guide } = await import("../kit/sql-guide.ts");
      return writeOut(guide());
    }
    const query = word === "-" ? await readAll("the query") : word;
    try {
      using snapshot = await takeSnapshot(address, migration);
      const result = parsed(() => snapshot.query(query));
      await print(result, options);
    } catch (error) {
      if (error instanceof XsError && error.code === "bad_option") {
        throw new UsageError(error.message);
      }
      throw error;
    }
  },
};

async function print(result: QueryResult, options: ReadonlyMap<string, string>): Promise<void> {
  const { columns } = result;
  const format: RowFormat = options.has("csv") ? csvFormat(columns) : jsonFormat(columns);
  if (!isTerminal(STDOUT)) return printRows(result, format, EAGER_ROWS);
  const { shownSafely, SqlTable, visibleCsv } = await import("../terminal/sql-table.ts");
  if (options.has("csv")) return printRows(result, shownSafely(format, visibleCsv), EAGER_ROWS);
  if (options.has("json")) {
    const { visibleJson } = await import("../../core/visible.ts");
    return printRows(result, shownSafely(format, visibleJson), EAGER_ROWS);
  }
  const { plainStyle, outputColumns } = await import("../terminal/screen.ts");
  await printRows(result, new SqlTable(columns, plainStyle(), outputColumns), 0);
}
