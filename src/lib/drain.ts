/**
 * Works off what comes in, piece by piece, with one piece under way at a time. What comes in is
 * somebody else's to keep: the drain only asks for the next piece until there is none.
 */
export class Drain {
  readonly #next: () => Promise<unknown> | undefined;
  #running: Promise<void> | undefined;

  /** @param next begins the next piece; undefined if there is none. What it begins never rejects. */
  constructor(next: () => Promise<unknown> | undefined) {
    this.#next = next;
  }

  /** Tells that something came in. Work begins in a later microtask: what comes until then is seen. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Settles when nothing is left; undefined where nothing is. */
  get running(): Promise<void> | undefined {
    return this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    for (let piece = this.#next(); piece; piece = this.#next()) await piece;
    // Not when this promise settles: what came in between the last look and then would be left lying.
    this.#running = undefined;
  }
}
