import type { JournalStatus, NodeStatus, NodesTable } from "../core/node-status.ts";

/** What is wrong stands first: a narrow page has room for few columns. */
const NAMES = ["Node", "Role"];
const HEADS = ["Epoch", "Record", "Behind", "Content", "Disk free", "Version"];
/** Clocks that differ less than this say nothing, in ms. */
const CLOCK_MS = 1000;
const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** The nodes of a store as the page shows them: in words, which keeps the page small. @param text as `GET /-/nodes` returns it */
export function nodesTable(text: string): NodesTable {
  const lines = text.split("\n").filter((line) => line !== "");
  const all = lines.map((line) => JSON.parse(line) as NodeStatus | JournalStatus);
  const nodes = all.filter((row) => row.kind === "node");
  const journal = all.find((row) => row.kind === "journal");
  const hasProblem = nodes.some((node) => problemOf(node) !== "");
  return {
    rows: [
      [...NAMES, ...(hasProblem ? ["Problem"] : []), ...HEADS],
      ...nodes.map((node) => [
        node.name,
        node.role,
        ...(hasProblem ? [problemOf(node)] : []),
        ...cellsOf(node),
      ]),
    ],
    journal: journal ? journalText(journal) : "",
  };
}

function cellsOf(node: NodeStatus): string[] {
  const { behind, behind_ms: ms, contents, contents_elsewhere: elsewhere } = node;
  const lag = ms !== null && ms >= CLOCK_MS ? ` (${Math.round(ms / 1000)} s)` : "";
  const content = contents === null ? "" : `${counted(contents)} (${sized(node.content_bytes)})`;
  return [
    counted(node.epoch),
    counted(node.record),
    `${counted(behind)}${lag}`,
    elsewhere ? `${content}, ${counted(elsewhere)} elsewhere` : content,
    sized(node.disk_free_bytes),
    node.version ?? "",
  ];
}

function problemOf({ problem, clock_ms: clock }: NodeStatus): string {
  if (problem !== null) return problem;
  if (clock === null || Math.abs(clock) < CLOCK_MS) return "";
  return `its clock is ${Math.round(Math.abs(clock) / 1000)} s ${clock > 0 ? "ahead" : "behind"}`;
}

function journalText({ name, first, last, replicas, append_ms: ms, ...journal }: JournalStatus) {
  return [
    `Journal ${name}: ${first === null ? "up to record" : `records ${counted(first)} to`} ${counted(last)}`,
    replicas !== null && (replicas === 1 ? "on one server" : `on ${replicas} servers`),
    ms !== null && `last append ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`,
    journal.leader === null && "no node leads",
    !journal.reachable && "out of reach: reads go on, writes wait",
  ]
    .filter((part) => part !== false)
    .join(", ");
}

function counted(n: number | null): string {
  return n === null ? "" : n.toLocaleString("en-US");
}

function sized(bytes: number | null): string {
  if (bytes === null) return "";
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toPrecision(3)} ${UNITS[power]}`;
}
