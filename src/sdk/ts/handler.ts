import { textLines } from "../../lib/lines.ts";
import type { Ask } from "../../net/http-client.ts";
import type { FromServer } from "../protocol.ts";
import { decodeValue } from "./content.ts";
import { explain } from "./explain.ts";
import { isThenable, jsonOf, settled, Unsettled, whenSettled } from "./json.ts";
import { Overlay, type WrittenValue } from "./overlay.ts";
import { Reads } from "./reads.ts";
import { type Script, scriptOf } from "./script.ts";
import { checkState, stateText } from "./state.ts";
import { Work, type WorkSession } from "./work.ts";

/** Output that a batch collects before its frames so far are declared done, in characters. */
const MUCH_OUTPUT = 1024 * 1024;

/** Runs a handler on the frames of stdin until that ends. */
export async function handle(exported: unknown, ask: Ask): Promise<void> {
  const script = scriptOf(exported);
  const { run, ...options } = script;
  const session = new Session(ask, script, typeof exported !== "function");
  session.write(`{"ready":${jsonOf({ ...options, batches: true }, "the handler")}}`);
  await session.flush();
  await session.run();
}

/** A handler at work: frames come in batches, and what it makes of them goes out the same way. */
class Session implements WorkSession {
  readonly #script: Script;
  readonly #stateful: boolean;
  readonly #atOnce: number;
  readonly #reads: Reads;
  readonly #output = Bun.stdout.writer();
  #lines: string[] = [];
  #size = 0;
  #state: unknown;
  /** As it was when the last frame was declared done. */
  #doneState: string | undefined;
  #changed = false;
  /** The script reads the log, or waits for its state: a frame is to be done before the next. */
  #oneByOne = false;
  /** Frames that were run since then. */
  #undone: XsFrame[] = [];
  /** With concurrency: frames that are worked on, and the telling of what came of them. */
  #atWork = 0;
  #freed = Promise.withResolvers<void>();
  #told: Promise<void> = Promise.resolve();
  /** The last frame that was declared done, and the last that the server has committed. */
  #done = "";
  #committed = "";
  /** What waits for a commit. */
  #waiting: (() => void)[] = [];
  readonly #overlay = new Overlay();
  /** Nothing is committed, so what is written stays here. */
  readonly #isTrial = process.env.XS_TRIAL !== undefined;

  constructor(ask: Ask, script: Script, stateful: boolean) {
    this.#reads = new Reads(ask);
    this.#script = script;
    this.#atOnce = script.concurrency ?? 1;
    this.#stateful = stateful && this.#atOnce === 1;
  }

  write(line: string): void {
    this.#lines.push(line);
    this.#size += line.length;
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    this.#output.write(`${this.#lines.join("\n")}\n`);
    this.#lines = [];
    this.#size = 0;
    await this.#output.flush();
  }

  async run(): Promise<void> {
    // Frames are worked on while more is read: the script may wait for the server meanwhile.
    let work: Promise<void> = Promise.resolve();
    let frames: XsFrame[] = [];
    for await (const lines of textLines(Bun.stdin.stream())) {
      for (const line of lines) {
        if (line.startsWith('{"topic"')) {
          frames.push(JSON.parse(line) as XsFrame);
          continue;
        }
        const told = JSON.parse(line) as FromServer;
        if ("state" in told) {
          this.#state = told.state;
          this.#doneState = JSON.stringify(told.state);
        } else if ("committed" in told) {
          this.#wasCommitted(told.committed);
        } else {
          const batch = frames;
          frames = [];
          work = work.then(() => this.#handleBatch(batch));
          work.catch(fail);
        }
      }
    }
    await work;
    await this.#told;
  }

  async value(key: string): Promise<unknown> {
    const known = this.#overlay.get(key);
    if (!known) return this.#reads.value(key);
    return known.value && decodeValue(known.value.bytes, known.value.type);
  }

  overlay(id: string, key: string, value: WrittenValue): void {
    this.#overlay.set(id, key, value, this.#done);
  }

  async reads(work: Work): Promise<Reads> {
    if (this.#atOnce > 1) return this.#reads;
    this.#oneByOne = true;
    if (this.#undone.length > 1) {
      work.tooEarly = true;
      throw new Error("the frames before this one are not committed yet");
    }
    await this.#untilCommitted(this.#done);
    return this.#reads;
  }

  async #untilCommitted(id: string): Promise<void> {
    while (this.#committed < id) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wasCommitted(id: string): void {
    this.#committed = id;
    if (!this.#isTrial) this.#overlay.committed(id);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  async #handleBatch(frames: readonly XsFrame[]): Promise<void> {
    if (this.#atOnce > 1) return this.#handleAtOnce(frames);
    for (const frame of frames) {
      const handled = this.#handle(frame);
      if (handled !== undefined) await handled;
      if (this.#oneByOne || this.#size > MUCH_OUTPUT) await this.#finish();
    }
    await this.#finish();
  }

  /**
   * Frames side by side, also those of different batches, as frames that come live are a batch each.
   * What they write goes out in their order.
   */
  async #handleAtOnce(frames: readonly XsFrame[]): Promise<void> {
    for (const frame of frames) {
      while (this.#atWork >= this.#atOnce) await this.#freed.promise;
      this.#atWork++;
      const result = this.#handleAlone(frame);
      this.#told = this.#told.then(async () => this.#tellOne(frame, await result));
      this.#told.catch(fail);
    }
  }

  async #tellOne(frame: XsFrame, lines: readonly string[]): Promise<void> {
    for (const line of lines) this.write(line);
    await this.flush();
    if (lines.at(-1)?.startsWith('{"error"')) await this.#untilCommitted(frame.id);
  }

  async #handleAlone(frame: XsFrame): Promise<string[]> {
    const work = new Work(this, frame);
    try {
      const result = await this.#script.run(frame, undefined, work);
      await whenSettled(result, (result) => {
        if (work.take(result) !== undefined) {
          throw new Error("a handler with concurrency has no state: it has no next");
        }
      });
      return [...work.end(), `{"done":"${frame.id}"}`];
    } catch (error) {
      work.end();
      this.#overlay.forget(frame.id);
      return [errorLine(frame, error)];
    } finally {
      this.#atWork--;
      this.#freed.resolve();
      this.#freed = Promise.withResolvers();
    }
  }

  /** Runs the script on a frame; gives a promise only where there is something to wait for. */
  #handle(frame: XsFrame): Promise<void> | undefined {
    const work = new Work(this, frame);
    this.#undone.push(frame);
    let result: unknown;
    try {
      result = this.#script.run(frame, this.#state, work);
    } catch (error) {
      return this.#failed(work, error);
    }
    try {
      if (isThenable(result)) return this.#keepLater(work, result);
      this.#keep(work, result);
      return undefined;
    } catch (error) {
      return error instanceof Unsettled ? this.#keepLater(work, result) : this.#failed(work, error);
    }
  }

  async #keepLater(work: Work, result: unknown): Promise<void> {
    try {
      await whenSettled(await result, (result) => this.#keep(work, result));
    } catch (error) {
      await this.#failed(work, error);
    }
  }

  #keep(work: Work, result: unknown): void {
    if (work.tooEarly) throw new Error("it has to be run again");
    const next = work.take(result);
    if (next !== undefined) {
      if (!this.#stateful)
        throw new Error("a bare function is a handler without state: it has no next");
      checkState(next);
      this.#state = next;
      this.#changed = true;
    }
    for (const line of work.end()) this.write(line);
  }

  /**
   * The script threw. What it did to the state in place before that must not stay, so the frames since
   * the last that is done are run again one by one, from the state after that.
   */
  async #failed(work: Work, error: unknown): Promise<void> {
    work.end();
    const frames = this.#undone;
    this.#undone = [];
    this.#lines = [];
    this.#size = 0;
    for (const { id } of frames) this.#overlay.forget(id);
    this.#state = this.#doneState === undefined ? undefined : JSON.parse(this.#doneState);
    this.#changed = false;
    if (frames.length === 1) {
      this.write(errorLine(work.frame, error));
      this.#done = work.frame.id;
      await this.flush();
      // The server decides whether to go on.
      return this.#untilCommitted(work.frame.id);
    }
    for (const frame of frames) {
      await this.#handle(frame);
      await this.#finish();
    }
  }

  /** Declares the frames so far done. */
  async #finish(): Promise<void> {
    const last = this.#undone.at(-1);
    if (!last) return;
    if (this.#changed) {
      try {
        this.#doneState = stateText(this.#state);
      } catch (error) {
        return this.#settleState(last, error);
      }
      this.#changed = false;
      this.write(`{"next":${this.#doneState},"done":"${last.id}"}`);
    } else {
      this.write(`{"done":"${last.id}"}`);
    }
    this.#undone = [];
    this.#done = last.id;
    await this.flush();
  }

  /**
   * The state cannot be kept. Where it only holds a promise, that is awaited before the next frame,
   * and so are those to come: a script that gives one once does so again.
   */
  async #settleState(last: XsFrame, error: unknown): Promise<void> {
    const work = new Work(this, last);
    if (!(error instanceof Unsettled)) return this.#failed(work, error);
    this.#oneByOne = true;
    // The frames since then saw the promise, so they are run again.
    if (this.#undone.length > 1) return this.#failed(work, error);
    try {
      this.#state = await settled(this.#state);
      // What is no promise any more is JSON, or no state.
      stateText(this.#state);
    } catch (error) {
      return this.#failed(work, error);
    }
    await this.#finish();
  }
}

function errorLine(frame: XsFrame, error: unknown): string {
  return JSON.stringify({ error: explain(error), frame_id: frame.id });
}

function fail(error: unknown): never {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}
