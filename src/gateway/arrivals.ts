import { XsError } from "../core/error.ts";
import { MAX_SMALL_CONTENT } from "../store/content.ts";

/** The lowest rate of a body, in bytes a second, and the seconds over which it is averaged. */
const MIN_RATE = 500;
const RATE_WINDOW_S = 20;
/** The most bodies that arrive at once. */
const MAX_BODIES = 1000;
/** Incomplete bodies in files take at most as many bytes as this number of bodies of the largest size. */
const MAX_LARGEST_IN_FILES = 64;
/** The rate of a younger body, in ms, says nothing. */
const MIN_AGE_MS = 500;

/** One arriving body, as {@link Arrivals} counts it. */
export interface Arrival {
  /**
   * Starts the time in which the gateway waits for the client; without a function, stops it.
   *
   * @param fail is called with `body_too_slow` if the gateway gives the body up
   */
  waits(fail?: (error: XsError) => void): void;
  /** Counts arrived bytes. @throws XsError `too_many_requests` */
  came(bytes: number): void;
  /** Ends the arrival: the body is complete, or no longer needed. */
  end(): void;
}

/** Limits the arriving bodies: their number, their slowness, and their bytes in files. */
export class Arrivals {
  readonly #bodies = new Set<Body>();
  readonly #mostInFiles: number;
  #inFiles = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param bodyMax the most bytes of a body */
  constructor(bodyMax: number) {
    this.#mostInFiles = MAX_LARGEST_IN_FILES * bodyMax;
  }

  /** Begins an arrival; beyond the limit, fails the slowest body. @throws XsError `too_many_requests` if none is slow */
  begin(): Arrival {
    if (this.#bodies.size >= MAX_BODIES) {
      const slowest = this.#slowest();
      if (!slowest) throw tooMany(`${MAX_BODIES} bodies`);
      slowest.giveUp();
      this.#remove(slowest);
    }
    const body = new Body();
    this.#bodies.add(body);
    this.#timer ??= setInterval(() => {
      for (const one of this.#bodies) if (one.isTooSlow()) one.giveUp();
    }, 1000);
    return {
      waits: (fail) => body.waits(fail),
      came: (bytes) => this.#came(body, bytes),
      end: () => this.#remove(body),
    };
  }

  #came(body: Body, bytes: number): void {
    const before = body.inFiles;
    body.size += bytes;
    this.#inFiles += body.inFiles - before;
    if (this.#inFiles <= this.#mostInFiles) return;
    throw tooMany(`${this.#mostInFiles} bytes of bodies`);
  }

  #remove(body: Body): void {
    if (!this.#bodies.delete(body)) return;
    this.#inFiles -= body.inFiles;
    if (this.#bodies.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The slow body with the lowest rate; undefined if none is slow. */
  #slowest(): Body | undefined {
    const now = performance.now();
    let slowest: Body | undefined;
    let lowest = MIN_RATE;
    for (const body of this.#bodies) {
      const age = now - body.begun;
      const rate = (1000 * body.size) / age;
      if (age < MIN_AGE_MS || rate >= lowest) continue;
      slowest = body;
      lowest = rate;
    }
    return slowest;
  }
}

function tooMany(what: string): XsError {
  return new XsError("too_many_requests", `${what} are on their way: try again later`);
}

class Body {
  readonly begun = performance.now();
  size = 0;
  /** Its size at each of the last seconds in which the gateway waited for the client. */
  #sizes: number[] = [0];
  #fail: ((error: XsError) => void) | undefined;
  #givenUp: XsError | undefined;

  /** Its bytes in a file. */
  get inFiles(): number {
    return this.size > MAX_SMALL_CONTENT ? this.size : 0;
  }

  waits(fail: ((error: XsError) => void) | undefined): void {
    this.#fail = fail;
    if (this.#givenUp) fail?.(this.#givenUp);
  }

  /** Samples the rate: call it once a second. */
  isTooSlow(): boolean {
    if (!this.#fail) {
      this.#sizes = [this.size];
      return false;
    }
    this.#sizes.push(this.size);
    if (this.#sizes.length <= RATE_WINDOW_S) return false;
    const before = this.#sizes.shift() ?? 0;
    return this.size - before < MIN_RATE * RATE_WINDOW_S;
  }

  giveUp(): void {
    const problem = `the body came at less than ${MIN_RATE} bytes a second`;
    this.#givenUp = new XsError("body_too_slow", problem);
    this.#fail?.(this.#givenUp);
  }
}
