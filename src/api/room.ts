import { XsError } from "../core/error.ts";

/** Room for so much at once of something that takes memory or files: what comes beyond it is refused. */
export class Room {
  readonly #most: number;
  readonly #what: string;
  #taken = 0;

  /** @param what that there is no more of, as in "exports" */
  constructor(most: number, what: string) {
    this.#most = most;
    this.#what = what;
  }

  /** To be given back with {@link give}. @throws XsError `too_many_requests` */
  take(amount = 1): void {
    if (this.#taken + amount > this.#most) {
      const problem = `${this.#most} ${this.#what} are under way: try again later`;
      throw new XsError("too_many_requests", problem);
    }
    this.#taken += amount;
  }

  give(amount = 1): void {
    this.#taken -= amount;
  }
}

/** What the requests to one store share. */
export class Rooms {
  /** Each has some megabytes that its client has not taken yet, and a moment of the store. */
  readonly exports = new Room(4, "exports");
  readonly checks = new Room(4, "checks");
  readonly tars = new Room(4, "imports of a tar");
  /** Of lines and values that are put together in memory. */
  readonly bytes = new Room(128 * 1024 * 1024, "bytes of other bodies");
}
