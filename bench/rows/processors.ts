import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { timestampOf } from "../../src/core/id.ts";
import { rssAnon } from "../memory.ts";
import { job, type Server, serveStore } from "../processes.ts";
import type { Group, Setup } from "../setup.ts";
import { median } from "../statistics.ts";
import type { Row } from "../table.ts";

const NU =
  process.env.XS_NU ??
  join("node_modules/@nushell", `${process.platform}-${process.arch}`, "bin/nu");
/** How long any of this may take. */
const PATIENCE_MS = 300_000;

// Handlers and generators, timed by the ids of what they wrote.
export const fold: Group = { name: "fold", run: foldRows };
export const emit: Group = { name: "emit", run: async (setup) => [await emitRow(setup)] };
export const few: Group = { name: "few", run: async (setup) => [await topicRow(setup)] };
export const generators: Group = { name: "generators", run: generatorRows };
export const commands: Group = {
  name: "commands",
  run: async (setup) => [await commandRow(setup)],
};
export const idle: Group = { name: "idle", run: startRows };

async function foldRows(setup: Setup): Promise<Row[]> {
  const directory = await setup.store("all");
  const server = await serve(directory);
  const read = await job("read", { unix: server.unix, path: "/", times: 3, warmUp: 1 });
  const frames = setup.frames;
  const name = `fold of ${frames.toLocaleString("en-US")} frames`;
  const fold = await foldSeconds(server, frames);
  const some = setup.count(100_000);
  const nuScript = `{ start: "first", topics: ["note"], initial: 0, run: {|frame, state|
    let next = $state + 1
    if $next == ${some} { { out: { n: $next }, next: $next } } else { { next: $next } } } }`;
  const nu = await timed(server, "nufold", nuScript, "nufold.out");
  await server.stop();
  return [
    {
      name: `TypeScript handler, ${name}`,
      unit: "/s",
      value: frames / fold,
      floorName: "replay over the socket",
      floor: read.lines / read.seconds,
      least: 0.4,
    },
    {
      name: `nushell handler, fold of ${some.toLocaleString("en-US")} frames`,
      unit: "/s",
      value: some / nu,
      floorName: "a bare nushell loop over as many lines",
      floor: await bareNu(directory, some),
      least: 0.8,
    },
  ];
}

/** Seconds that a handler in TypeScript takes to fold the whole log of the large store. */
export function foldSeconds(server: Server, frames: number): Promise<number> {
  const ts = `let n = 0; export default { start: "first", initial: { sum: 0 }, run(frame, state) {
    if (frame.topic.startsWith("stream.")) return;
    const next = { sum: state.sum + frame.meta.n };
    return ++n === ${frames} ? { out: next, next } : { next };
  } }`;
  return timed(server, "fold", ts, "fold.out");
}

/** The same fold in nushell with nothing around it: frames as lines on stdin. */
async function bareNu(directory: string, frames: number): Promise<number> {
  const loop = `def main [] { lines | generate {|line, state: any = 0|
    let frame = ($line | from json)
    let made = (do {|frame, state| { next: ($state + 1) } } $frame $state)
    { out: $"($made.next) ($frame.id)", next: $made.next } } | to text }`;
  const file = `${directory}.nu`;
  await Bun.write(file, loop);
  const server = await serve(directory);
  const response = await fetch(`http://localhost/?topic=note&limit=${frames}`, {
    unix: server.unix,
  });
  const input = new Uint8Array(await response.arrayBuffer());
  await server.stop();
  const seconds: number[] = [];
  for (let round = 0; round < 3; round++) {
    const started = performance.now();
    const child = Bun.spawn([NU, "--no-config-file", "--stdin", file], {
      stdio: [input, "pipe", "inherit"],
    });
    await new Response(child.stdout).arrayBuffer();
    if ((await child.exited) !== 0) throw new Error("nu failed");
    seconds.push((performance.now() - started) / 1000);
  }
  return frames / median(seconds);
}

/** Measures a handler that writes one frame for each frame it reads. @returns frames a second */
export async function emitted(setup: Setup, frames: number): Promise<number> {
  const server = await serve(setup.fresh());
  await job("batch", { unix: server.unix, frames: 1000, count: frames / 1000 });
  const total =
    (await (await fetch("http://localhost/?topic=note", { unix: server.unix })).text()).split("\n")
      .length - 1;
  const script = `let n = 0; export default { topics: ["note"], start: "first", run: () => ({ out: { n: ++n } }) }`;
  const seconds = await timed(
    server,
    "emit",
    script,
    "emit.out",
    ({ meta }) => (meta as { n: number }).n === total,
  );
  await server.stop();
  return total / seconds;
}

async function emitRow(setup: Setup): Promise<Row> {
  const frames = setup.count(200_000);
  const value = await emitted(setup, frames);
  const floor = await job("sqlite", { file: setup.fresh(), count: frames, batch: 1000 });
  return {
    name: "TypeScript handler, a frame for each frame",
    unit: "/s",
    value,
    floorName: "SQLite, 1,000 frames a commit",
    floor,
    least: 0.4,
  };
}

/** One frame in a hundred is for the handler. */
async function topicRow(setup: Setup): Promise<Row> {
  const batches = setup.count(1000);
  const server = await serve(setup.fresh());
  const body = `${'{"topic":"few","meta":{"n":1}}\n'.repeat(10)}${'{"topic":"note","meta":{"n":1}}\n'.repeat(990)}`;
  for (let n = 0; n < batches; n++) {
    await fetch("http://localhost/stream", { unix: server.unix, method: "POST", body });
  }
  const path = "/?topic=few";
  const read = await job("read", { unix: server.unix, path, times: 20, warmUp: 5 });
  const seconds: number[] = [];
  const script = `let n = 0; export default { topics: ["few"], start: "first",
    run: (frame) => (++n === ${read.lines} ? { out: { n } } : undefined) }`;
  for (let round = 0; round < 5; round++) {
    const name = `few${round}`;
    seconds.push(await timed(server, name, script, `${name}.out`));
  }
  await server.stop();
  return {
    name: `TypeScript handler, ${read.lines.toLocaleString("en-US")} of ${(batches * 1000).toLocaleString("en-US")} frames by a topic`,
    unit: "/s",
    value: read.lines / median(seconds),
    floorName: "a read of that topic",
    floor: read.lines / read.seconds,
    least: 0.8,
  };
}

async function generatorRows(setup: Setup): Promise<Row[]> {
  const lines = setup.count(100_000);
  const seq = async (
    count: number,
    meta: object,
  ): Promise<{ perSecond: number; memory: number }> => {
    const server = await serve(setup.fresh());
    const seconds = await timed(
      server,
      "seq",
      `seq ${count}`,
      "stream.cross.generator.finished",
      () => true,
      { runtime: "sh", restart: "never", ...meta },
      "generator",
    );
    const memory = rssAnon(server.pid);
    await server.stop();
    return { perSecond: count / seconds, memory };
  };
  const plain = await seq(lines, {});
  const many = await seq(lines * 10, { ttl: "last:1000" });
  const floor = await job("sqlite", { file: setup.fresh(), count: lines, batch: 1000 });
  const floorName = "SQLite, 1,000 frames a commit, no content";
  return [
    {
      name: `generator, the lines of \`seq ${lines}\``,
      unit: "/s",
      value: plain.perSecond,
      floorName,
      floor,
      leastValue: 40_000,
    },
    {
      name: `generator, the lines of \`seq ${lines * 10}\` with ttl \`last:1000\``,
      unit: "/s",
      value: many.perSecond,
      floorName,
      floor,
    },
    {
      name: "memory of the server after that",
      unit: "MB",
      value: many.memory,
      floorName: "after the first",
      floor: plain.memory,
    },
  ];
}

/** A shell command for each frame, beside a shell that runs as many. */
async function commandRow(setup: Setup): Promise<Row> {
  const count = setup.count(2000);
  const server = await serve(setup.fresh());
  const lines = Array.from({ length: count }, (_, n) => `{"topic":"n","meta":${n + 1}}`);
  const body = lines.join("\n");
  await fetch("http://localhost/stream", { unix: server.unix, method: "POST", body });
  const script = `[ "$XS_META" != ${count} ] || echo last`;
  const meta = { runtime: "sh", topics: ["n"], start: "first" };
  const rates: number[] = [];
  const floors: number[] = [];
  for (let round = 0; round < 3; round++) {
    const began = performance.now();
    const loop = `i=0; while [ $i -lt ${count} ]; do sh -c true; i=$((i+1)); done`;
    await Bun.spawn(["sh", "-c", loop]).exited;
    floors.push((count * 1000) / (performance.now() - began));
    const name = `command${round}`;
    rates.push(count / (await timed(server, name, script, `${name}.out`, () => true, meta)));
  }
  await server.stop();
  return {
    name: "shell command for each frame",
    unit: "/s",
    value: median(rates),
    floorName: "a shell that runs `sh -c true` in a loop",
    floor: median(floors),
    least: 0.5,
  };
}

async function startRows(setup: Setup): Promise<Row[]> {
  const server = await serve(setup.fresh());
  const script = `export default { topics: ["never", "SPAWN"], pulse: 10, run: (frame) => ({ out: "first" }) }`;
  const times: number[] = [];
  for (let round = 0; round < setup.count(20); round++) {
    const name = `first${round}`;
    // A pulse is the first thing it gets, 10 ms after it follows.
    const spawned = await spawn(server, name, script, {}, "handler");
    const out = await untilFrame(server, spawned, `${name}.out`);
    times.push(timestampOf(out.id) - timestampOf(spawned));
    await terminate(server, name, "handler");
  }
  const quiet = `export default { topics: ["never"], run: () => undefined }`;
  const count = 10;
  for (let n = 0; n < count; n++) await timedStart(server, `idle${n}`, quiet);
  const rows = (await (await fetch("http://localhost/ps", { unix: server.unix })).text())
    .trim()
    .split("\n");
  let memory = 0;
  for (const row of rows) {
    const { pid } = JSON.parse(row) as { pid: number };
    memory += rssAnon(pid) + rssAnon(parentOf(pid));
  }
  const serverMemory = rssAnon(server.pid);
  await server.stop();
  return [
    {
      name: "TypeScript handler, spawn to first output (of a pulse after 10 ms)",
      unit: "ms",
      value: median(times),
      floorName: "`xs serve` to its first answer",
      floor: server.startSeconds * 1000,
      limit: 150,
    },
    {
      name: "memory of an idle TypeScript handler, with its guard",
      unit: "MB",
      value: memory / rows.length,
      floorName: `the server with ${rows.length} of them`,
      floor: serverMemory,
    },
  ];
}

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

function serve(directory: string): Promise<Server> {
  process.env.XS_NU = NU;
  return serveStore(directory);
}

/** Seconds from `.active` to a frame that fits; the processor is ended after it. */
export async function timed(
  server: Server,
  name: string,
  script: string,
  topic: string,
  fits: (frame: Frame) => boolean = () => true,
  meta: object = {},
  kind: "handler" | "generator" = "handler",
): Promise<number> {
  const spawned = await spawn(server, name, script, meta, kind);
  const active = await untilFrame(server, spawned, `stream.cross.${kind}.active`);
  const end = await untilFrame(server, active.id, topic, fits);
  await terminate(server, name, kind);
  return (timestampOf(end.id) - timestampOf(active.id)) / 1000;
}

async function timedStart(server: Server, name: string, script: string): Promise<void> {
  const spawned = await spawn(server, name, script, {}, "handler");
  await untilFrame(server, spawned, "stream.cross.handler.active");
}

async function spawn(
  server: Server,
  name: string,
  script: string,
  meta: object,
  kind: string,
): Promise<string> {
  const response = await fetch(`http://localhost/stream/stream.cross.${kind}.spawn`, {
    unix: server.unix,
    method: "POST",
    body: script,
    headers: { "xs-meta": JSON.stringify({ topic: name, ...meta }) },
  });
  return ((await response.json()) as Frame).id;
}

async function terminate(server: Server, name: string, kind: string): Promise<void> {
  const response = await fetch(`http://localhost/stream/stream.cross.${kind}.terminate`, {
    unix: server.unix,
    method: "POST",
    headers: { "xs-meta": JSON.stringify({ topic: name }) },
  });
  if (!response.ok) throw new Error(await response.text());
}

/** The newest frame of a topic, once it comes after an id and fits. */
async function untilFrame(
  server: Server,
  after: string,
  topic: string,
  fits: (frame: Frame) => boolean = () => true,
): Promise<Frame> {
  const end = performance.now() + PATIENCE_MS;
  while (performance.now() < end) {
    const response = await fetch(`http://localhost/last/${topic}`, { unix: server.unix });
    const frame = (await response.json()) as Frame;
    if (response.ok && frame.id > after && fits(frame)) return frame;
    await Bun.sleep(20);
  }
  throw new Error(`${topic} did not come`);
}
