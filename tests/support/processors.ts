import { expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import type { ProcessorStatus } from "../../src/processors/lifecycle/status.ts";
import { type Answering, askFor } from "./ask.ts";
import { memoryOf } from "./memory.ts";
import { NU, type Server, startServer } from "./server.ts";
import { expectSound } from "./store.ts";
import { tempDirectory } from "./temp.ts";
import { until } from "./wait.ts";

type Kind = "generator" | "handler" | "duplex";

/** A frame of this suite: what is in its meta is known where it is used. */
// biome-ignore lint/suspicious/noExplicitAny: tests compare whole values
export type AnyFrame = Omit<Frame, "meta"> & { meta: any };

/** The environment of a server that finds nushell. */
export const WITH_NU = { XS_NU: NU };

/** Runs something with a server on a fresh store, ends both, and checks the whole store after it. */
export async function serving(
  use: (server: Server) => Promise<void>,
  env: Record<string, string> = WITH_NU,
): Promise<void> {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  {
    await using server = await startServer(directory, { env });
    await use(server);
    if ((await server.stop("SIGTERM")) !== 0) throw new Error(await server.stderr);
  }
  await expectSound(directory);
}

/** Appends a frame with this meta. */
export async function say(
  server: Server,
  topic: string,
  meta: unknown = null,
  content = "",
): Promise<AnyFrame> {
  const encoded = Buffer.from(JSON.stringify(meta)).toString("base64");
  return server.append(topic, content, meta === null ? {} : { "xs-meta": encoded });
}

/** Appends frames in one step, with the numbers from, from + 1 … as meta.n. */
export async function sayMany(
  server: Server,
  topic: string,
  count: number,
  from = 0,
): Promise<void> {
  const lines = Array.from({ length: count }, (_, n) =>
    JSON.stringify({ topic, meta: { n: from + n } }),
  );
  const response = await server.fetch("/stream", { method: "POST", body: lines.join("\n") });
  if (!response.ok) throw new Error(await response.text());
  await response.bytes();
}

/** Appends a spawn and gives its frame. */
export function ask(
  server: Server,
  kind: Kind,
  name: string,
  script: string,
  meta: object = {},
): Promise<AnyFrame> {
  return say(server, `stream.cross.${kind}.spawn`, { topic: name, ...meta }, script);
}

/** Appends a spawn and waits until it runs. */
export async function spawn(
  server: Server,
  kind: Kind,
  name: string,
  script: string,
  meta: object = {},
): Promise<AnyFrame> {
  const frame = await ask(server, kind, name, script, meta);
  const answer = await Promise.race([
    answered(server, frame, "active"),
    answered(server, frame, "invalid"),
  ]);
  if (answer.topic.endsWith(".invalid")) throw new Error(answer.meta.reason);
  return frame;
}

export function terminate(server: Server, kind: Kind, name: string): Promise<AnyFrame> {
  return say(server, `stream.cross.${kind}.terminate`, { topic: name });
}

/** Waits for an answer of the runtime to a spawn: the nth of its kind. */
export function answered(
  server: Server,
  spawn: AnyFrame,
  event: string,
  nth = 1,
): Promise<AnyFrame> {
  return until(`${event} of ${spawn.meta?.topic}`, async () => {
    return (await answers(server, spawn, event))[nth - 1];
  });
}

/** The answers of the runtime to a spawn so far; of all events, or of one. */
export async function answers(server: Server, spawn: AnyFrame, event = "*"): Promise<AnyFrame[]> {
  const kind = spawn.topic === "stream.cross.handler.spawn" ? "handler" : "generator";
  const frames = await framesOf(server, `stream.cross.${kind}.${event}`);
  return frames.filter(({ meta }) => meta?.spawn_id === spawn.id);
}

/** The same, as the last parts of their topics. */
export async function events(server: Server, spawn: AnyFrame): Promise<string[]> {
  return (await answers(server, spawn)).map(({ topic }) => topic.split(".").at(-1) ?? "");
}

/** What the store remembers of a processor. @throws Gone */
export async function recordOf(
  server: Answering,
  kind: "generator" | "handler",
  name: string,
): Promise<Record<string, unknown> & { cursor: string }> {
  const key = encodeURIComponent(`stream.cross.${kind}/${name}`);
  return JSON.parse((await askFor(server, `/kv/${key}`)).text);
}

/** All frames of a topic, or of several. */
export async function framesOf(server: Server, topic: string): Promise<AnyFrame[]> {
  return server.frames(`/?topic=${topic}`);
}

/** Waits until there are so many frames of a topic, and gives them. */
export function countOf(server: Server, topic: string, count: number): Promise<AnyFrame[]> {
  return until(`${count} frames ${topic}`, async () => {
    const frames = await framesOf(server, topic);
    return frames.length >= count && frames;
  });
}

/**
 * That a handler which copies, counts in `total` and fails at frame 2 has failed there, with all of
 * what was before it and nothing of what came of it. Gives what the runtime said.
 */
export async function expectFailedAtTwo(server: Server, script: string): Promise<AnyFrame> {
  const handler = await spawn(server, "handler", "faulty", script);
  await sayMany(server, "n", 10);
  const failed = await answered(server, handler, "failed");
  expect(failed.meta.frame_id).toBe((await framesOf(server, "n"))[2]?.id);
  expect(failed.meta.reason).toContain("no 2");
  for (const topic of ["faulty.out", "copy"]) {
    const numbers = (await framesOf(server, topic)).map(({ meta }) => meta.n);
    expect([topic, numbers]).toEqual([topic, [0, 1]]);
  }
  expect(await kvText(server, "total")).toBe("2");
  return failed;
}

/** The content of a frame as text. */
export async function textOf(server: Server, { id }: AnyFrame): Promise<string> {
  return (await server.fetch(`/${id}/content`)).text();
}

/** The contents of all frames of a topic. */
export async function textsOf(server: Server, topic: string): Promise<string[]> {
  const frames = await framesOf(server, topic);
  return Promise.all(frames.map((frame) => textOf(server, frame)));
}

/** A value of the k/v store, as text. */
export async function kvText(server: Server, key: string): Promise<string | undefined> {
  const response = await server.fetch(`/kv/${encodeURIComponent(key)}`);
  const text = await response.text();
  return response.ok ? text : undefined;
}

export async function statuses(server: Server): Promise<ProcessorStatus[]> {
  const text = await (await server.fetch("/ps")).text();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** That something still works: a handler answers a frame, after whatever happened. */
export async function expectAlive(server: Server): Promise<void> {
  const handler = await spawn(server, "handler", "alive", "export default () => ({ out: 1 })", {
    topics: ["are.you"],
  });
  const frame = await say(server, "are.you");
  const out = await until("an answer", async () =>
    (await framesOf(server, "alive.out")).find(({ meta }) => meta.frame_id === frame.id),
  );
  expect(out.meta.handler_id).toBe(handler.id);
  await terminate(server, "handler", "alive");
  await answered(server, handler, "terminated");
}

/** Processes whose command line has a text, from proc(5). */
export function processesWith(marker: string): number[] {
  const found: number[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(name) || Number(name) === process.pid) continue;
    try {
      const [state] = readFileSync(`/proc/${name}/stat`, "latin1").split(") ")[1] ?? "Z";
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8");
      if (state !== "Z" && command.includes(marker)) found.push(Number(name));
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** The most memory that a process takes, in MiB. */
export class MemoryWatch implements Disposable {
  readonly #timer: Timer;
  readonly first: number;
  most: number;

  constructor(pid: number) {
    this.first = this.most = memoryOf(pid);
    this.#timer = setInterval(() => {
      this.most = Math.max(this.most, memoryOf(pid));
    }, 20);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
