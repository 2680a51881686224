import { lastIdIn } from "../../core/frame.ts";
import { READ_ALL } from "../../core/read-options.ts";
import type { Reader } from "../../store/reader.ts";
import type { ProcessorHost } from "../lifecycle/processor.ts";
import { framesOf, type HandlerPage, isThreshold, withoutOwn } from "./own-output.ts";
import type { HandlerParts, StepCommits } from "./step-commits.ts";
import type { Workers } from "./worker.ts";

/** How long, in ms, a suspect frame is alone with a program that may wait for more frames before it declares one done. */
const ALONE_MS = 1000;

/** Hands the frames of the log to the worker of a handler, up to the spawn of its successor. */
export class Feed {
  /** The spawn of the successor: nothing after that is handed over. */
  endAt: string | undefined;
  readonly #host: ProcessorHost;
  readonly #parts: HandlerParts;
  readonly #commits: StepCommits;
  #reader: Reader | undefined;

  constructor(host: ProcessorHost, parts: HandlerParts, commits: StepCommits) {
    this.#host = host;
    this.#parts = parts;
    this.#commits = commits;
  }

  /** Whether it has handed over every frame that there is. */
  get isCaughtUp(): boolean {
    return this.#reader?.isCaughtUp ?? false;
  }

  /** Reads no further. */
  close(): void {
    this.#reader?.close();
  }

  /**
   * Reads frames and hands them to the worker, as long as it is not too far ahead.
   *
   * @returns whether every frame up to the successor is done
   */
  async run(worker: Workers): Promise<boolean> {
    const { topics, pulse } = worker.options;
    const { store } = this.#host;
    this.#commits.given = this.#commits.cursor;
    const options = { ...READ_ALL, ...(topics && { topics }) };
    const after = () => (this.#commits.given === "" ? {} : { after: this.#commits.given });
    if (this.endAt === undefined) {
      const live = store.read({ ...options, ...after(), follow: true, ...(pulse && { pulse }) });
      this.#reader = live;
      await this.#feedFrom(live, worker);
      live.close();
    }
    // Without a successor the store has ended all reads: the server stops.
    if (this.#isOver(worker) || this.endAt === undefined) return false;
    const rest = store.read({ ...options, ...after() });
    await this.#feedFrom(rest, worker);
    rest.close();
    while (!this.#parts.inFlight.isEmpty && !this.#isOver(worker))
      await this.#parts.progress.wait();
    return this.#parts.inFlight.isEmpty;
  }

  async #feedFrom(reader: Reader, worker: Workers): Promise<void> {
    for (let bytes = await reader.next(); bytes; bytes = await reader.next()) {
      // A handler gets no threshold: it makes no difference between history and live frames.
      if (isThreshold(bytes)) continue;
      const lastId = lastIdIn(bytes);
      // The spawns of several successors may be in one page, and some of those may not load.
      let from: string | undefined;
      for (;;) {
        const successor = await this.#host.successorUpTo(lastId);
        const page = withoutOwn(bytes, this.#host.spawnIds, successor, from);
        this.#commits.given = successor ?? lastId;
        if (page) await this.#give(page, worker);
        if (successor === undefined) break;
        if (!(await this.#decision(successor, worker))) return;
        // It does not load, so what comes after it is for this one after all.
        from = successor;
      }
      while (!this.#parts.inFlight.hasRoom(this.#commits.done) && !this.#isOver(worker))
        await this.#parts.progress.wait();
      if (this.#isOver(worker)) return;
    }
  }

  async #give(page: HandlerPage, worker: Workers): Promise<void> {
    const { oneByOne, concurrency, batches } = worker.options;
    const strict = oneByOne && concurrency === 1;
    const apart = strict || this.#parts.poison.isAfter(this.#commits.cursor);
    for (const each of apart ? framesOf(page) : [page]) {
      this.#parts.inFlight.add(each);
      await worker.send(each.bytes, each.lastId);
      if (!strict && !this.#parts.poison.isSuspect(each.lastId)) continue;
      const enough = strict || batches ? Infinity : performance.now() + ALONE_MS;
      while (
        this.#commits.cursor < each.lastId &&
        !this.#isOver(worker) &&
        performance.now() < enough
      ) {
        await (enough === Infinity
          ? this.#parts.progress.wait()
          : Promise.race([this.#parts.progress.wait(), Bun.sleep(ALONE_MS)]));
      }
      if (this.#isOver(worker)) return;
    }
  }

  /** Whether to go on beyond the spawn of a successor, once that is known. */
  async #decision(successor: string, worker: Workers): Promise<boolean> {
    for (;;) {
      if (this.#isOver(worker)) return false;
      if (this.#host.isPassedOver(successor)) return true;
      if (this.endAt !== undefined) return false;
      await this.#parts.progress.wait();
    }
  }

  #isOver(worker: Workers): boolean {
    return this.#parts.worker() !== worker || this.#parts.isStopping();
  }
}
