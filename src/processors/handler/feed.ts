import { lastIdIn } from "../../core/frame.ts";
import { idAt, later, type Place, placeOf, positionAt } from "../../core/place.ts";
import { READ_ALL } from "../../core/read-options.ts";
import type { FrameReader } from "../../store/frame-reader.ts";
import type { ProcessorHost } from "../lifecycle/processor.ts";
import { forHandler, framesOf, type HandlerPage, isThreshold } from "./handler-page.ts";
import type { HandlerParts, StepCommits } from "./step-commits.ts";
import type { Workers } from "./worker.ts";

/** How long, in ms, a suspect frame is alone with a program that may wait for more frames before it declares one done. */
const ALONE_MS = 1000;

/** Hands the frames of the log to the worker of a handler, as they arrived, up to the spawn of its successor. */
export class Feed {
  /** The spawn of the successor: nothing after that is handed over. */
  endAt: Place | undefined;
  readonly #host: ProcessorHost;
  readonly #parts: HandlerParts;
  readonly #commits: StepCommits;
  #reader: FrameReader | undefined;
  /** The position of the frames that the worker was given last, if they arrived late. */
  #position: string | undefined;

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
    this.#position = undefined;
    const options = { ...READ_ALL, order: "arrival", ...(topics && { topics }) } as const;
    const after = () => {
      const { given } = this.#commits;
      return given === "" ? {} : { after: idAt(given), position: positionAt(given) };
    };
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

  async #feedFrom(reader: FrameReader, worker: Workers): Promise<void> {
    for (let bytes = await reader.next(); bytes; bytes = await reader.next()) {
      // A handler gets no threshold: it makes no difference between history and live frames.
      if (isThreshold(bytes)) continue;
      const { position } = reader;
      const last = placeOf(lastIdIn(bytes), position);
      // The spawns of several successors may be in one page, and some of those may not load.
      let from: Place | undefined;
      for (;;) {
        const successor = await this.#host.successorUpTo(last);
        const between = { after: from, before: successor };
        const page = forHandler(bytes, position, between, this.#host.isOwn);
        this.#commits.given = later(this.#commits.given, successor ?? last);
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
    const { oneByOne, concurrency, batches, onError } = worker.options;
    // What has an effect outside the store must not run with frames after one that is tried again.
    const strict = (oneByOne || onError === "retry") && concurrency === 1;
    const apart = strict || this.#parts.poison.isAfter(this.#commits.cursor);
    if (page.position !== this.#position) {
      // Such a program compares ids with the newest committed one: the ids it holds at one time must rise.
      if (batches) await this.#untilDone(() => this.#parts.inFlight.isEmpty, worker, true);
      if (this.#isOver(worker)) return;
      this.#position = page.position;
    }
    for (const each of apart ? framesOf(page) : [page]) {
      this.#parts.inFlight.add(each);
      await worker.send(each);
      if (!strict && !this.#parts.poison.isSuspect(each.last)) continue;
      await this.#untilDone(() => this.#commits.cursor >= each.last, worker, strict || batches);
      if (this.#isOver(worker)) return;
    }
  }

  /** Waits until the worker is done with what it has. @param surely false if it may wait for more frames itself */
  async #untilDone(isDone: () => boolean, worker: Workers, surely: boolean): Promise<void> {
    const enough = surely ? Infinity : performance.now() + ALONE_MS;
    while (!isDone() && !this.#isOver(worker) && performance.now() < enough) {
      await (surely
        ? this.#parts.progress.wait()
        : Promise.race([this.#parts.progress.wait(), Bun.sleep(ALONE_MS)]));
    }
  }

  /** Whether to go on beyond the spawn of a successor, once that is known. */
  async #decision(successor: Place, worker: Workers): Promise<boolean> {
    for (;;) {
      if (this.#isOver(worker)) return false;
      if (this.#host.isPassedOver(idAt(successor))) return true;
      if (this.endAt !== undefined) return false;
      await this.#parts.progress.wait();
    }
  }

  #isOver(worker: Workers): boolean {
    return this.#parts.worker() !== worker || this.#parts.isStopping();
  }
}
