import { XsError } from "../core/error.ts";
import { STAGED_MAX } from "../store/sqlite/content/content.ts";

/** A body has to come at this rate, in bytes a second, over so many seconds. */
const RATE = 500;
const RATE_S = 20;
/** Most bodies that are on their way at once. */
const BODIES = 1000;
/** So many of the largest may be in files before they are whole. */
const LARGEST = 64;
/** A body of this age, in ms, can be told to be slow. */
const YOUNG_MS = 500;

/** One body on its way, as {@link Arrivals} counts it. */
export interface Arrival {
  /**
   * The gateway waits for the client from now on; without a function it does so no more.
   *
   * @param fail called where the body is given up: `body_too_slow`
   */
  waits(fail?: (error: XsError) => void): void;
  /** So many bytes have come. @throws XsError `too_many_requests` */
  came(bytes: number): void;
  /** It is whole, or is not wanted any more. */
  end(): void;
}

/** The bodies that are on their way: how many, how fast, and how much of them is there already. */
export class Arrivals {
  readonly #bodies = new Set<Body>();
  readonly #mostInFiles: number;
  #inFiles = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param bodyMax bytes of a body at most */
  constructor(bodyMax: number) {
    this.#mostInFiles = LARGEST * bodyMax;
  }

  /** Where there are too many, the slowest has to make room. @throws XsError `too_many_requests` */
  begin(): Arrival {
    if (this.#bodies.size >= BODIES) {
      const slowest = this.#slowest();
      if (!slowest)
        throw new XsError(
          "too_many_requests",
          `${BODIES} bodies are on their way: try again later`,
        );
      slowest.giveUp();
      this.#remove(slowest);
    }
    const body = new Body();
    this.#bodies.add(body);
    this.#timer ??= setInterval(() => this.#look(), 1000);
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
    const problem = `${this.#mostInFiles} bytes of bodies are on their way: try again later`;
    throw new XsError("too_many_requests", problem);
  }

  #remove(body: Body): void {
    if (!this.#bodies.delete(body)) return;
    this.#inFiles -= body.inFiles;
    if (this.#bodies.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    for (const body of this.#bodies) if (body.isTooSlow()) body.giveUp();
  }

  /** The one that has come at the lowest rate, of those that are slow. */
  #slowest(): Body | undefined {
    const now = performance.now();
    let slowest: Body | undefined;
    let lowest = RATE;
    for (const body of this.#bodies) {
      const age = now - body.begun;
      const rate = (1000 * body.size) / age;
      if (age < YOUNG_MS || rate >= lowest) continue;
      slowest = body;
      lowest = rate;
    }
    return slowest;
  }
}

class Body {
  readonly begun = performance.now();
  size = 0;
  /** Its size at each of the last seconds in which nothing but the client held it up. */
  #sizes: number[] = [0];
  #fail: ((error: XsError) => void) | undefined;
  #givenUp: XsError | undefined;

  /** What of it is in a file by now. */
  get inFiles(): number {
    return this.size > STAGED_MAX ? this.size : 0;
  }

  waits(fail: ((error: XsError) => void) | undefined): void {
    this.#fail = fail;
    if (this.#givenUp) fail?.(this.#givenUp);
  }

  /** To be asked every second. */
  isTooSlow(): boolean {
    if (!this.#fail) {
      this.#sizes = [this.size];
      return false;
    }
    this.#sizes.push(this.size);
    if (this.#sizes.length <= RATE_S) return false;
    const before = this.#sizes.shift() ?? 0;
    return this.size - before < RATE * RATE_S;
  }

  giveUp(): void {
    const problem = `the body came at less than ${RATE} bytes a second`;
    this.#givenUp = new XsError("body_too_slow", problem);
    this.#fail?.(this.#givenUp);
  }
}
