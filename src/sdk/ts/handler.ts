import { textLines } from "../../lib/lines.ts";
import { Signal } from "../../lib/signal.ts";
import type { Ask } from "../../net/http-client.ts";
import type { FromServer } from "../protocol.ts";
import { decodeValue } from "./content.ts";
import { errorLine, fail } from "./explain.ts";
import { isThenable, jsonOf, settled, Unsettled, whenSettled } from "./json.ts";
import { listWith, Overlay, type WrittenValue } from "./overlay.ts";
import { prefixOf, Reads } from "./reads.ts";
import { type Script, scriptOf } from "./script.ts";
import type { ProtocolStreams } from "./standard-streams.ts";
import { checkState, stateText } from "./state.ts";
import { Work, type WorkSession } from "./work.ts";

/** The output of a batch, in characters, after which its frames so far are declared done. */
const MAX_COLLECTED_OUTPUT = 1024 * 1024;

/** Runs a handler on the frames of its input until that ends. */
export async function handle(exported: unknown, ask: Ask, streams: ProtocolStreams): Promise<void> {
  const script = scriptOf(exported);
  const { run, ...options } = script;
  const session = new Session(ask, script, typeof exported !== "function", streams.output);
  session.write(`{"ready":${jsonOf({ ...options, batches: true }, "the handler")}}`);
  await session.flush();
  await session.run(streams.input);
}

/** A running handler: frames arrive in batches, and their effects leave in batches. */
class Session implements WorkSession {
  readonly #script: Script;
  readonly #stateful: boolean;
  readonly #atOnce: number;
  readonly #ask: Ask;
  readonly #reads: Reads;
  readonly #output: Bun.FileSink;
  #lines: string[] = [];
  #size = 0;
  #state: unknown;
  /** The state, as JSON, after the last frame that was declared done. */
  #doneState: string | undefined;
  #changed = false;
  /** The script reads the log, or its state holds promises: each frame must be done before the next. */
  #oneByOne = false;
  /** The frames that ran since the last one that was declared done. */
  #undone: XsFrame[] = [];
  /** With concurrency: the number of frames under way, and the writing of their effects, in order. */
  #atWork = 0;
  readonly #freed = new Signal();
  #written: Promise<void> = Promise.resolve();
  /** The last frame that was declared done, and the last one that the server committed. */
  #done = "";
  #committed = "";
  readonly #commits = new Signal();
  readonly #overlay = new Overlay();
  /** A trial commits nothing, so the overlay keeps all entries. */
  readonly #isTrial = process.env.XS_TRIAL !== undefined;
  /** A trial on history, which sees the store as it was. */
  readonly #isSealed = process.env.XS_TRIAL === "sealed";

  constructor(ask: Ask, script: Script, stateful: boolean, output: number) {
    this.#output = Bun.file(output).writer();
    this.#ask = ask;
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

  async run(input: number): Promise<void> {
    // Handles frames while reading on: the script may wait for a line of the server.
    let work: Promise<void> = Promise.resolve();
    let frames: XsFrame[] = [];
    for await (const lines of textLines(Bun.file(input).stream())) {
      for (const line of lines) {
        if (line.startsWith('{"topic"')) {
          frames.push(JSON.parse(line) as XsFrame);
          continue;
        }
        const message = JSON.parse(line) as FromServer;
        if ("state" in message) {
          this.#state = message.state;
          this.#doneState = JSON.stringify(message.state);
        } else if ("committed" in message) {
          this.#wasCommitted(message.committed);
        } else {
          const batch = frames;
          frames = [];
          work = work.then(() => this.#handleBatch(batch));
          work.catch(fail);
        }
      }
    }
    await work;
    await this.#written;
  }

  async value(key: string): Promise<unknown> {
    if (this.#isSealed) return refuseEntries("get");
    const known = this.#overlay.get(key);
    if (!known) return this.#reads.value(key);
    return known.value && decodeValue(known.value.bytes, known.value.type);
  }

  async *entries(prefix = ""): AsyncIterableIterator<XsEntry> {
    if (this.#isSealed) return refuseEntries("list");
    // First the writes, then the store: what is committed in between is in the one or in the other.
    const written = this.#overlay.below(prefixOf(prefix));
    yield* listWith(written, this.#reads.entries(prefix));
  }

  overlay(id: string, key: string, value: WrittenValue): void {
    this.#overlay.set(id, key, value, this.#done);
  }

  async reads(work: Work): Promise<Reads> {
    if (this.#atOnce <= 1) {
      this.#oneByOne = true;
      if (this.#undone.length > 1) {
        work.tooEarly = true;
        throw new Error("the frames before this one are not committed yet");
      }
      await this.#untilCommitted(this.#done);
    }
    return this.#isSealed ? this.#readsThen(work.frame.id) : this.#reads;
  }

  async #readsThen(id: string): Promise<Reads> {
    const { ReadsThen } = await import("./reads-then.ts");
    return new ReadsThen(this.#ask, id);
  }

  async #untilCommitted(id: string): Promise<void> {
    while (this.#committed < id) await this.#commits.wait();
  }

  #wasCommitted(id: string): void {
    this.#committed = id;
    if (!this.#isTrial) this.#overlay.committed(id);
    this.#commits.wake();
  }

  async #handleBatch(frames: readonly XsFrame[]): Promise<void> {
    // Late frames have older ids. All before them is committed.
    if (frames[0] && frames[0].id <= this.#done) this.#done = this.#committed = "";
    if (this.#atOnce > 1) return this.#handleAtOnce(frames);
    for (const frame of frames) {
      const handled = this.#handle(frame);
      if (handled !== undefined) await handled;
      if (this.#oneByOne || this.#size > MAX_COLLECTED_OUTPUT) await this.#finish();
    }
    await this.#finish();
  }

  /**
   * Handles frames concurrently, across batches, because each live frame is a batch by itself. Their effects
   * leave in the order of the frames.
   */
  async #handleAtOnce(frames: readonly XsFrame[]): Promise<void> {
    for (const frame of frames) {
      while (this.#atWork >= this.#atOnce) await this.#freed.wait();
      this.#atWork++;
      const result = this.#handleAlone(frame);
      this.#written = this.#written.then(async () => this.#writeOne(frame, await result));
      this.#written.catch(fail);
    }
  }

  async #writeOne(frame: XsFrame, lines: readonly string[]): Promise<void> {
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
      return [errorLine(frame.id, error)];
    } finally {
      this.#atWork--;
      this.#freed.wake();
    }
  }

  /** Runs the script on a frame; returns a promise only if there is something to await. */
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
   * Handles an error of the script. The script may have changed the state in place before it threw, so the
   * frames since the last one that is done run again, one by one, from the state after that one.
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
      this.write(errorLine(work.frame.id, error));
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
   * Handles a state that is no JSON. If it only holds promises, this awaits them before the next frame, and
   * from now on after each frame: a script that once returned a promise will do so again.
   */
  async #settleState(last: XsFrame, error: unknown): Promise<void> {
    const work = new Work(this, last);
    if (!(error instanceof Unsettled)) return this.#failed(work, error);
    this.#oneByOne = true;
    // Later frames saw the promise instead of its value, so they run again.
    if (this.#undone.length > 1) return this.#failed(work, error);
    try {
      this.#state = await settled(this.#state);
      // Now each value is JSON, or the state is invalid.
      stateText(this.#state);
    } catch (error) {
      return this.#failed(work, error);
    }
    await this.#finish();
  }
}

/** The store has only the entries of now. */
async function refuseEntries(how: string): Promise<never> {
  const at = new Error();
  const { refuse } = await import("./seal.ts");
  return refuse(
    `it reads entries of the k/v store with xs.kv.${how}, and those of then are not kept,`,
    at,
  );
}
