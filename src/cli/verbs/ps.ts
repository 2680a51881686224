import type { ProcessorStatus } from "../../processors/lifecycle/status.ts";
import { connect } from "../kit/connect.ts";
import { writeOut } from "../kit/output.ts";
import { linesOf, pipeOut } from "../kit/response-body.ts";
import { table } from "../kit/table.ts";
import { splitTarget } from "../kit/target.ts";
import type { Verb } from "../kit/verb.ts";

const HEAD = ["KIND", "NAME", "STATE", "PID", "UPTIME", "RESTARTS", "LAST EXIT", "BEHIND"];

export const psVerb: Verb = {
  name: "ps",
  summary: "Show the generators and handlers that run on the stream",
  positionals: "[ADDR]",
  options: {},
  examples: [
    ["xs ps", "a table; in a pipe, JSON lines"],
    ["xs ps | jq -r 'select(.restarts > 0).name'", "the names of all that restarted"],
  ],
  async run({ positionals }) {
    await using client = await connect(splitTarget(positionals, 0).address);
    const response = await client.request("/ps");
    if (!process.stdout.isTTY) return await pipeOut(response);
    const rows: string[][] = [HEAD];
    for await (const line of linesOf(response))
      rows.push(cellsOf(JSON.parse(line) as ProcessorStatus));
    await writeOut(table(rows));
  },
};

function cellsOf(row: ProcessorStatus): string[] {
  const { uptime_ms: up, last_exit: exit, behind_ms: behind } = row;
  return [
    row.kind,
    row.name,
    row.state,
    String(row.pid ?? "-"),
    up === null ? "-" : time(up),
    String(row.restarts),
    exit === null ? "-" : String(exit.signal ?? exit.code ?? "did not start"),
    behind === null ? "-" : behind === 0 ? "0" : time(behind),
  ];
}

function time(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (ms < 1000) return `${ms} ms`;
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const hours = Math.floor(seconds / 3600);
  if (hours < 48) return `${hours} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(hours / 24)} d`;
}
