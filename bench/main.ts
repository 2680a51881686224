// npm run bench -- [--quick] [--only NAME,…] [--peers] [--peer PATH] [--against PATH [--fill N]]: how fast xs is, next to a floor that the same
// machine gave in the same run. The table goes to stdout, the progress to stderr.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { FILL_BATCH } from "./load/fill.ts";
import { MEASURES } from "./measures.ts";
import { comparePeers } from "./peers/main.ts";
import { killAll } from "./processes.ts";
import { append, batch } from "./rows/append.ts";
import { content } from "./rows/content.ts";
import { exportRow } from "./rows/export.ts";
import { followers, latency } from "./rows/follow.ts";
import { hello, sse } from "./rows/gateway.ts";
import { inline } from "./rows/inline.ts";
import { kv } from "./rows/kv.ts";
import { memory } from "./rows/memory.ts";
import { nodeGroups } from "./rows/nodes.ts";
import { commands, emit, few, fold, generators, idle } from "./rows/processors.ts";
import { listing, search, why } from "./rows/questions.ts";
import { replay, topics } from "./rows/read.ts";
import { sql } from "./rows/sql.ts";
import { serve, start } from "./rows/start.ts";
import { ui } from "./rows/ui.ts";
import { type Group, prepare, tidy } from "./setup.ts";
import { type Row, toMarkdown } from "./table.ts";
import { compareWith } from "./versus.ts";

const DEFAULT_FILL = 1_000_000;

const groups: readonly Group[] = [
  append,
  batch,
  content,
  kv,
  exportRow,
  replay,
  inline,
  topics,
  fold,
  emit,
  few,
  generators,
  commands,
  idle,
  hello,
  sse,
  latency,
  followers,
  search,
  why,
  listing,
  sql,
  start,
  serve,
  memory,
  ui,
  ...nodeGroups,
];

async function measure(chosen: readonly Group[], quick: boolean): Promise<Row[]> {
  const setup = await prepare(quick);
  const rows: Row[] = [];
  for (const group of chosen) {
    const started = performance.now();
    const measured = await group.run(setup);
    rows.push(...measured);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    // The rows so far are not lost if a later group fails.
    console.error(`${group.name}: ${seconds} s\n${toMarkdown(measured)}\n`);
  }
  return rows;
}

// Paths are relative to the repository: the address of a unix socket has room for 107 bytes only.
process.chdir(join(import.meta.dir, ".."));
const { values } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    peers: { type: "boolean", default: false },
    peer: { type: "string", multiple: true, default: [] },
    against: { type: "string" },
    fill: { type: "string" },
  },
});
const names = values.only?.split(",");
const known = values.against === undefined ? groups.map(({ name }) => name) : Object.keys(MEASURES);
const unknown = names?.filter((name) => !known.includes(name)) ?? [];
if (unknown.length > 0) {
  console.error(`no ${unknown.join(", ")}: there is ${known.join(", ")}`);
  process.exit(2);
}
const fill = values.fill === undefined ? undefined : Number(values.fill);
if (fill !== undefined && !(values.against && fill > 0 && fill % (10 * FILL_BATCH) === 0)) {
  console.error(`--fill takes a multiple of ${10 * FILL_BATCH} frames, and needs --against`);
  process.exit(2);
}
const cleanUp = () => {
  killAll();
  tidy();
};
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    cleanUp();
    process.exit(1);
  });
}
try {
  if (values.against !== undefined) {
    const setup = await prepare(values.quick);
    const frames = fill ?? setup.count(DEFAULT_FILL);
    const rows = await compareWith({ ...setup, fill: frames }, values.against, names);
    console.log(toMarkdown(rows));
    process.exit(0);
  }
  if (values.peers || values.peer.length > 0) {
    console.log(await comparePeers(await prepare(values.quick), values.peers, values.peer));
    process.exit(0);
  }
  const chosen = groups.filter(({ name }) => names?.includes(name) ?? true);
  console.log(toMarkdown(await measure(chosen, values.quick)));
} finally {
  cleanUp();
}
