import { join } from "node:path";
import { hashInLine, idInLine, linesIn } from "../../core/frame.ts";
import { topicInLine } from "../../core/index-keys.ts";
import { type Json, memberText } from "../../core/json.ts";
import type { Place } from "../../core/place.ts";
import { Signal } from "../../lib/signal.ts";
import { textOf } from "../../lib/text.ts";
import type { Content } from "../../store/content.ts";
import type { Exit } from "../child/exit.ts";
import { PerhapsLack } from "../child/lack.ts";
import type { Prepared } from "../child/runtime.ts";
import { framesOf, type HandlerPage } from "../handler/handler-page.ts";
import type { Step, WorkerHost, Workers } from "../handler/worker.ts";
import { type HandlerOptions, Invalid, parseHandlerOptions } from "../lifecycle/options.ts";
import { MAX_INLINE, type RunRequest, type RunResult } from "./messages.ts";
import { type CommandRun, ShellDied, type Shells } from "./shells.ts";

/** The largest text in `XS_TEXT`, in bytes. */
const MAX_TEXT = 32 * 1024;
/** Frames whose commands wait where those before them run, so that none of these waits for the server. */
const AHEAD = 8;
const STOPPED: Exit = { code: null, signal: "SIGTERM", unread: 0 };

/** What the commands of a handler need. */
export interface ShellParts {
  readonly prepared: Prepared;
  readonly content: Content;
  readonly shells: Shells;
  /** Takes the steps, in the order of the frames. */
  readonly host: Pick<WorkerHost, "step">;
  /** Takes the standard error of a command. */
  stderr(stream: ReadableStream<Uint8Array>): void;
}

/** A frame whose command runs, and its step once that has ended. */
interface Turn {
  readonly place: Place;
  run?: CommandRun;
  step?: Step;
}

/** The variables of a frame and the input of its command. */
type FrameInput = Pick<RunRequest, "env" | "input">;

/** Runs a shell command for each frame of a handler. It has no process while no frame comes. */
export class ShellWorkers implements Workers {
  readonly options: HandlerOptions;
  readonly ended: Promise<Exit>;
  readonly complaint = "";
  readonly #parts: ShellParts;
  readonly #end = Promise.withResolvers<Exit>();
  #turns: Turn[] = [];
  /** Commands that have not ended, in the order of their frames. */
  readonly #running = new Set<Turn>();
  /** Woken when a command has ended, a failure is committed, or all is over. */
  readonly #freed = new Signal();
  /** The last failure, until the store has it: whether the handler goes on after it is decided there. */
  #failedAt: Place | undefined;
  #over = false;
  /** Another worker of the handler must not wait for what this one has left. */
  readonly #lane = crypto.randomUUID();

  private constructor(parts: ShellParts, options: HandlerOptions) {
    this.#parts = parts;
    this.options = options;
    this.ended = this.#end.promise;
  }

  /** @param meta of the spawn, which has all options. @throws Invalid where the command is none */
  static async start(parts: ShellParts, meta: Json): Promise<ShellWorkers> {
    const options = parseHandlerOptions({}, meta);
    if (options.initial !== undefined)
      throw new Invalid('a handler of runtime "sh" has no state: leave initial out');
    const { prepared, shells } = parts;
    const { check = [], env } = prepared;
    const how = { lane: crypto.randomUUID(), width: 1, file: "", stderr: drain };
    const run = await shells.run({ command: check, env: ownEnv(env), ...how });
    const { problem, complaint } = await run.ended.catch((error: Error) => {
      throw new PerhapsLack(error.message);
    });
    if (problem !== undefined) {
      // Its author does not know the path of that file.
      const file = check.at(-1) ?? "";
      throw new Invalid((complaint || problem).replaceAll(file, "the command"));
    }
    return new ShellWorkers(parts, options);
  }

  /** The pid of the command that has run for the longest. */
  get pid(): number | undefined {
    for (const { run } of this.#running) if (run?.pid !== undefined) return run.pid;
    return undefined;
  }

  async send(page: HandlerPage): Promise<void> {
    for (const each of framesOf(page)) {
      while (!this.#over && !this.#hasRoom()) await this.#freed.wait();
      if (this.#over) return;
      const turn: Turn = { place: each.last };
      this.#turns.push(turn);
      this.#running.add(turn);
      // Not at once: the commands must begin in the order of their frames.
      const ran = await this.#begin(linesIn(each.bytes)[0] ?? "", turn);
      void this.#finish(turn, ran);
    }
  }

  async sendState(): Promise<void> {}

  tellCommitted(place: Place): undefined {
    if (this.#failedAt === undefined || place < this.#failedAt) return;
    this.#failedAt = undefined;
    void this.#parts.shells.go(this.#lane);
    this.#freed.wake();
  }

  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#freed.wake();
    // The last first, so that none begins in the place of another.
    for (const { run } of [...this.#running].reverse()) run?.stop();
    this.#settle();
  }

  #hasRoom(): boolean {
    return this.#failedAt === undefined && this.#running.size < this.options.concurrency + AHEAD;
  }

  /** Has the command of a frame begin after those before it. @returns its step to come */
  async #begin(line: string, turn: Turn): Promise<{ step: Promise<Step> }> {
    const { prepared, shells, stderr, content } = this.#parts;
    const file = join(prepared.env.XS_SCRIPTS ?? "", `out-${idInLine(line)}`);
    try {
      const input = await inputOf(line, content);
      const env = { ...ownEnv(prepared.env), ...input.env };
      const how = { lane: this.#lane, width: this.options.concurrency, file, stderr };
      const run = await shells.run({ command: prepared.command, ...input, env, ...how });
      turn.run = run;
      if (this.#over) run.stop();
      const step = run.ended.then((result) => stepOf(turn.place, result, idInLine(line), file));
      return { step };
    } catch (error) {
      // Nothing more begins before that is decided.
      if (!(error instanceof ShellDied)) this.#failedAt = turn.place;
      return { step: Promise.reject(error) };
    }
  }

  async #finish(turn: Turn, { step }: { step: Promise<Step> }): Promise<void> {
    try {
      turn.step = await step;
    } catch (error) {
      if (error instanceof ShellDied) this.#died(error.exit);
      else turn.step = { done: turn.place, effects: [], error: (error as Error).message };
    }
    this.#running.delete(turn);
    this.#passOn();
    this.#freed.wake();
    this.#settle();
  }

  /** Passes on the steps that are next in the order of the frames. */
  #passOn(): void {
    for (let next = this.#turns[0]; next?.step && !this.#over; next = this.#turns[0]) {
      this.#turns.shift();
      if (next.step.error !== undefined) this.#failedAt = next.place;
      void this.#parts.host.step(next.step);
    }
  }

  #died(exit: Exit): void {
    this.#over = true;
    this.#end.resolve(exit);
  }

  /** Reports the end once no command runs any more. */
  #settle(): void {
    if (this.#over && this.#running.size === 0) this.#end.resolve(STOPPED);
  }
}

function stepOf(
  done: Place,
  { problem, complaint, base64, inFile }: RunResult,
  frameId: string,
  file: string,
): Step {
  if (problem !== undefined)
    return { done, effects: [], error: [problem, complaint].filter(Boolean).join(": ") };
  if (inFile) return { done, effects: [{ frameId, kind: "out_file", value: file }] };
  if (base64 === undefined) return { done, effects: [] };
  return { done, effects: [{ frameId, kind: "out_base64", value: base64 }] };
}

/** The variables of a handler beside those of every command. */
function ownEnv(env: Record<string, string>): Record<string, string> {
  const { XS_SCRIPTS = "", XS_NAME = "", XS_SPAWN_ID = "" } = env;
  return { XS_SCRIPTS, XS_NAME, XS_SPAWN_ID };
}

/** @throws XsError `content_damaged`; Error where the content is missing */
async function inputOf(line: string, content: Content): Promise<FrameInput> {
  const env: Record<string, string> = {
    XS_ID: idInLine(line),
    XS_TOPIC: topicInLine(line),
    XS_META: memberText(line, "meta") ?? "null",
  };
  const hash = hashInLine(line);
  if (hash === null) return { env };
  if ((content.sizeOf(hash) ?? 0) > MAX_INLINE) return { env, input: { hash } };
  const blob = await content.open(hash);
  if (!blob) throw new Error(`the content ${hash} of the frame is not in the store`);
  if (blob.size > MAX_INLINE) return { env, input: { hash } };
  const bytes = await blob.bytes();
  const text = bytes.length <= MAX_TEXT && !bytes.includes(0) ? textOf(bytes) : undefined;
  if (text !== undefined) env.XS_TEXT = text;
  return { env, input: { base64: Buffer.from(bytes).toString("base64") } };
}

function drain(stream: ReadableStream<Uint8Array>): void {
  void stream.pipeTo(new WritableStream());
}
