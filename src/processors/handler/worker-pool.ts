import { idInLine, linesIn } from "../../core/frame.ts";
import type { Exit } from "../child/exit.ts";
import type { HandlerOptions } from "../lifecycle/options.ts";
import type { Crew, Step, Worker, WorkerHost } from "./worker.ts";

/** A frame that a lane has, and what came of it. */
interface Turn {
  readonly id: string;
  step?: Step;
}

/**
 * Several processes of one handler, each with one frame at a time, for programs that cannot work on
 * several themselves. What comes of the frames is passed on in their order.
 */
export class Lanes implements Crew {
  readonly options: HandlerOptions;
  readonly ended: Promise<Exit>;
  readonly #lanes: readonly Worker[];
  readonly #host: Pick<WorkerHost, "step">;
  readonly #idle: Worker[];
  #turns: Turn[] = [];
  #wake = Promise.withResolvers<void>();
  #over = false;

  private constructor(lanes: readonly Worker[], first: Worker, host: Pick<WorkerHost, "step">) {
    this.#lanes = lanes;
    this.#idle = [...lanes];
    this.#host = host;
    this.options = first.options;
    this.ended = this.#end();
    this.ended.catch(() => {});
  }

  /** @param start starts one process, with what is to be done with its steps */
  static async start(
    first: Worker,
    count: number,
    host: Pick<WorkerHost, "step">,
    start: () => Promise<Worker>,
  ): Promise<Lanes> {
    const starts = await Promise.allSettled(Array.from({ length: count - 1 }, start));
    const lanes = [first];
    const problems: unknown[] = [];
    for (const each of starts) {
      if (each.status === "fulfilled") lanes.push(each.value);
      else problems.push(each.reason);
    }
    if (problems.length === 0) return new Lanes(lanes, first, host);
    // One that does not start takes the others with it.
    for (const lane of lanes) lane.stop();
    await Promise.allSettled(lanes.map(({ ended }) => ended));
    throw problems[0];
  }

  get pid(): number | undefined {
    return this.#lanes[0]?.pid;
  }

  get complaint(): string {
    return this.#lanes.find(({ complaint }) => complaint !== "")?.complaint ?? "";
  }

  /** Takes a step of a lane, which is free after it. */
  take(lane: Worker, step: Step): Promise<void> | undefined {
    const turn = this.#turns.find(({ id }) => id === step.done);
    if (!turn) return this.#host.step(step);
    turn.step = step;
    this.#idle.push(lane);
    this.#wake.resolve();
    let taken: Promise<void> | undefined;
    for (let next = this.#turns[0]; next?.step; next = this.#turns[0]) {
      this.#turns.shift();
      taken = this.#host.step(next.step) ?? taken;
    }
    return taken;
  }

  async send(frames: Uint8Array): Promise<void> {
    for (const line of linesIn(frames)) {
      const lane = await this.#nextIdle();
      if (!lane) return;
      const id = idInLine(line);
      this.#turns.push({ id });
      await lane.send(Buffer.from(`${line}\n`), id);
    }
  }

  async sendState(): Promise<void> {}

  async tellCommitted(id: string): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.tellCommitted(id)));
  }

  stop(): void {
    for (const lane of this.#lanes) lane.stop();
  }

  async #nextIdle(): Promise<Worker | undefined> {
    while (!this.#over) {
      const lane = this.#idle.shift();
      if (lane) return lane;
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
    }
    return undefined;
  }

  /** One that ends takes the others with it. */
  async #end(): Promise<Exit> {
    try {
      return await Promise.race(this.#lanes.map(({ ended }) => ended));
    } finally {
      this.#over = true;
      this.#wake.resolve();
      this.stop();
      await Promise.allSettled(this.#lanes.map(({ ended }) => ended));
    }
  }
}
