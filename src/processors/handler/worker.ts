import type { Json } from "../../core/json.ts";
import { idAt, type Place } from "../../core/place.ts";
import { textLines } from "../../lib/lines.ts";
import {
  type Effect,
  type FromServer,
  MAX_LINE,
  ProtocolError,
  parseHandlerLine,
} from "../../sdk/protocol.ts";
import { didNotLoad, type Exit, howItEnded } from "../child/exit.ts";
import { Program } from "../child/program.ts";
import type { Prepared } from "../child/runtime.ts";
import { type HandlerOptions, Invalid, parseHandlerOptions } from "../lifecycle/options.ts";
import type { HandlerPage } from "./handler-page.ts";

/** How long a handler may take to report that it is ready. */
const READY_MS = 30_000;

/** The output of a handler for its frames, up to one of them. */
export interface Step {
  /** The last frame that is done. */
  readonly done: Place;
  readonly effects: readonly Effect[];
  /** The state after that frame, as JSON text; undefined where it did not change. */
  readonly state?: string | undefined;
  /** The reason why the handler failed on that frame; `effects` is empty then. */
  readonly error?: string;
}

/** The stderr of a process. */
export interface Stderr {
  /** Settles when all of it was taken. */
  readonly done: Promise<void>;
  /** The end of it so far. */
  readonly tail: string;
}

/** The functions that take the output of a worker. */
export interface WorkerHost {
  /** Takes the stderr of the process. */
  stderr(stream: ReadableStream<Uint8Array>): Stderr;
  /** Takes a step. The worker reads on in the output of its process when the promise resolves. */
  step(step: Step): Promise<void> | undefined;
  /** The place of a frame that the process has, and which it names by its id. */
  placeOf(id: string): Place;
}

/** The process of a handler, or its several processes. */
export interface Workers {
  readonly options: HandlerOptions;
  /** Resolves when a process has ended. Rejects where it broke the protocol; it is stopped then. */
  readonly ended: Promise<Exit>;
  readonly pid: number | undefined;
  /** The end of its stderr. */
  readonly complaint: string;
  /** Sends frames. */
  send(page: HandlerPage): Promise<void>;
  /** Sends the state to a handler that has one. @param state JSON text */
  sendState(state: string): Promise<void>;
  /** Sends that the store has committed everything up to this place, where the program asked for batches. */
  tellCommitted(place: Place): Promise<void> | undefined;
  stop(): void;
}

/** The parts of a worker, once its program is ready. */
interface WorkerParts {
  readonly program: Program;
  readonly stderr: Stderr;
  readonly host: WorkerHost;
  readonly options: HandlerOptions;
  /** The lines that come, and those that came together with the first one. */
  readonly lines: AsyncGenerator<string[]>;
  readonly first: readonly string[];
}

/** A process of a handler: frames go in, steps come out. */
export class Worker implements Workers {
  readonly options: HandlerOptions;
  readonly ended: Promise<Exit>;
  readonly #program: Program;
  readonly #stderr: Stderr;
  readonly #host: WorkerHost;
  #effects: Effect[] = [];
  #state: string | undefined;

  private constructor({ program, stderr, host, options, lines, first }: WorkerParts) {
    this.#program = program;
    this.#stderr = stderr;
    this.#host = host;
    this.options = options;
    this.ended = this.#run(lines, first);
    this.ended.catch(() => {});
  }

  /**
   * Starts the process of a handler and waits until it is ready.
   *
   * @param meta of the spawn: its options override those of the script
   * @param signal stops the process if it is aborted before the process is ready
   * @throws Invalid where the script does not load; as `Program.start` does
   */
  static async start(
    prepared: Prepared,
    meta: Json,
    host: WorkerHost,
    signal: AbortSignal,
  ): Promise<Worker> {
    const program = await Program.start(prepared, signal);
    const stderr = host.stderr(program.stderr);
    const stop = () => program.stop();
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    const late = setTimeout(stop, READY_MS);
    try {
      const lines = textLines(program.stdout, { most: MAX_LINE });
      const { value } = await lines.next();
      const [ready, ...first] = (value ?? []) as string[];
      if (ready === undefined) {
        const exit = await program.exited;
        await stderr.done;
        throw didNotLoad(exit, stderr.tail, `${howItEnded(exit)} before it was ready`);
      }
      const line = parseHandlerLine(ready);
      if (line.ready === undefined) throw new Invalid('its first line is not {"ready": …}');
      const options = parseHandlerOptions(line.ready, meta);
      return new Worker({ program, stderr, host, options, lines, first });
    } catch (error) {
      program.stop();
      program.closeOutput();
      if (error instanceof ProtocolError) throw new Invalid(error.message);
      throw error;
    } finally {
      clearTimeout(late);
      signal.removeEventListener("abort", stop);
    }
  }

  get pid(): number | undefined {
    return this.#program.pid;
  }

  get complaint(): string {
    return this.#stderr.tail;
  }

  send({ bytes, last }: HandlerPage): Promise<void> {
    if (!this.options.batches) return this.#program.write(bytes);
    return this.#program.write(bytes, control({ batch: idAt(last) }));
  }

  sendState(state: string): Promise<void> {
    return this.#program.write(Buffer.from(`{"state":${state}}\n`));
  }

  tellCommitted(place: Place): Promise<void> | undefined {
    if (!this.options.batches) return undefined;
    return this.#program.write(control({ committed: idAt(place) }));
  }

  stop(): void {
    this.#program.stop();
  }

  async #run(lines: AsyncGenerator<string[]>, first: readonly string[]): Promise<Exit> {
    try {
      for (const line of first) await this.#take(line);
      for await (const more of lines) {
        for (const line of more) {
          const taken = this.#take(line);
          if (taken !== undefined) await taken;
        }
      }
    } catch (error) {
      this.stop();
      // The process may wait on its full stdout, and would then not end.
      this.#program.closeOutput();
      throw error;
    }
    const exit = await this.#program.exited;
    await this.#stderr.done;
    return exit;
  }

  #take(line: string): Promise<void> | undefined {
    const { effects, next, done, error } = parseHandlerLine(line);
    for (const effect of effects) this.#effects.push(effect);
    if (next !== undefined) this.#state = next;
    if (done !== undefined) return this.#host.step(this.#stepTo(done));
    if (!error) return undefined;
    // Drops the effects of that frame, and keeps those of the frames before it.
    const { frameId, reason } = error;
    const place = this.#host.placeOf(frameId);
    this.#effects = this.#effects.filter(
      (effect) => this.#host.placeOf(effect.frameId ?? frameId) < place,
    );
    const before = this.#effects.at(-1)?.frameId;
    if (before !== undefined) void this.#host.step(this.#stepTo(before));
    this.#state = undefined;
    return this.#host.step({ done: place, effects: [], error: reason });
  }

  /** The step up to a frame. Keeps the effects of later frames, which a program may have begun to write. */
  #stepTo(id: string): Step {
    const done = this.#host.placeOf(id);
    const effects: Effect[] = [];
    const later: Effect[] = [];
    for (const effect of this.#effects) {
      const { frameId } = effect;
      if (frameId !== undefined && this.#host.placeOf(frameId) > done) later.push(effect);
      else effects.push(effect);
    }
    for (const effect of effects) effect.frameId ??= id;
    const step = { done, effects, state: this.#state };
    this.#effects = later;
    this.#state = undefined;
    return step;
  }
}

function control(message: FromServer): Buffer {
  return Buffer.from(`${JSON.stringify(message)}\n`);
}
