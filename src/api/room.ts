import { XsError } from "../core/error.ts";

/** Limits the memory or files that requests use at once: it refuses requests beyond the limit. */
export class Room {
  readonly #most: number;
  readonly #what: string;
  #taken = 0;

  /** @param what names the limited thing in a message, as in "exports" */
  constructor(most: number, what: string) {
    this.#most = most;
    this.#what = what;
  }

  /** Takes room until the share is released, or disposed. @throws XsError `too_many_requests` */
  take(amount = 1): Share {
    let taken = 0;
    const release = () => {
      this.#taken -= taken;
      taken = 0;
    };
    const more = (amount: number) => {
      if (this.#taken + amount > this.#most) {
        const problem = `${this.#most} ${this.#what} are under way: try again later`;
        throw new XsError("too_many_requests", problem);
      }
      this.#taken += amount;
      taken += amount;
    };
    more(amount);
    return { more, release, [Symbol.dispose]: release };
  }
}

/** The room that one request has taken. */
export interface Share extends Disposable {
  /** Takes more. @throws XsError `too_many_requests` */
  more(amount: number): void;
  release(): void;
}

/** The limits that all requests to one store share. */
export class Rooms {
  /** Each export holds some unread megabytes and a snapshot of the store. */
  readonly exports = new Room(4, "exports");
  readonly checks = new Room(4, "checks");
  readonly tars = new Room(4, "imports of a tar");
  /** The bytes of lines and values that are assembled in memory. */
  readonly bytes = new Room(128 * 1024 * 1024, "bytes of other bodies");
}
