import type { Access } from "../core/access.ts";
import { XsError } from "../core/error.ts";

const MIB = 1024 * 1024;
const BYTES = "bytes of other bodies";

/** Limits the memory or files that requests use at once: it refuses requests beyond the limit. */
export class Room {
  readonly #most: number;
  readonly #what: string;
  readonly #within: Room | undefined;
  #taken = 0;

  /**
   * @param what names the limited thing in a message, as in "exports"
   * @param within a room of which this one is a part
   */
  constructor(most: number, what: string, within?: Room) {
    this.#most = most;
    this.#what = what;
    this.#within = within;
  }

  /** Takes room until the share is released, or disposed. @throws XsError `too_many_requests` */
  take(amount = 1): Share {
    let taken = 0;
    const around = this.#within?.take(0);
    const release = () => {
      this.#taken -= taken;
      taken = 0;
      around?.release();
    };
    const more = (amount: number) => {
      if (this.#taken + amount > this.#most) {
        const problem = `${this.#most} ${this.#what} are under way: try again later`;
        throw new XsError("too_many_requests", problem);
      }
      around?.more(amount);
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
  /** Those of tokens: some of the store's searches are for the owner alone. */
  readonly searchesOfTokens = new Room(2, "searches of tokens");
  /** The bytes of lines and values that are assembled in memory. */
  readonly bytes = new Room(128 * MIB, BYTES);
  /** What tokens do must leave room to the owner, and each of them to the others. */
  readonly #bytesOfTokens = new Room(96 * MIB, BYTES);
  readonly #ofTokens = new WeakMap<Access, Room>();

  /** {@link bytes} for a request, by its token; undefined for that of the owner. */
  bytesOf(access: Access | undefined): Room {
    if (!access) return this.bytes;
    const make = () => new Room(32 * MIB, BYTES, this.#bytesOfTokens);
    return this.#ofTokens.getOrInsertComputed(access, make);
  }
}
