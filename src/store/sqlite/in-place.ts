import { type Stats, statSync } from "node:fs";
import { XsError } from "../../core/error.ts";
import { Moves } from "./moves.ts";

/** After so many looks at the files it pays to be told of moves instead. */
const MANY_LOOKS = 20;

/**
 * Watches over the files of an open store. They are open here whatever becomes of their names; but when
 * the store is moved, replaced or removed, what is written next would be lost, or go to another one.
 */
export class InPlace {
  readonly #directory: string;
  /** Where it is there, it watches all of them. */
  #moves: Moves | undefined;
  #looks = 0;
  readonly #watched = new Map<string, { readonly ino: number; readonly dev: number }>();

  /** It stays so: what was written meanwhile may be lost. */
  #problem: XsError | undefined;

  /** @param directory of the store, for messages */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** From now on this path has to stay what it is now. */
  watch(path: string): void {
    const { ino, dev } = statSync(path);
    this.#watched.set(path, { ino, dev });
    if (this.#moves?.add(path) === false) this.close();
  }

  /** The same as {@link problem}, but for a folder above the store, at next to no cost. */
  problemAtHand(): XsError | undefined {
    if (this.#problem) return this.#problem;
    if (this.#moves && !this.#moves.any()) return undefined;
    // It takes longer to set up than a short command has to write.
    if (++this.#looks === MANY_LOOKS) this.#moves = Moves.watch(this.#watched.keys());
    return this.problem();
  }

  /** Why nothing may be acknowledged any more; undefined where all is in its place. */
  problem(): XsError | undefined {
    this.#problem ??= this.#look();
    return this.#problem;
  }

  close(): void {
    this.#moves?.close();
    this.#moves = undefined;
  }

  #look(): XsError | undefined {
    for (const [path, { ino, dev }] of this.#watched) {
      const now = look(path);
      if (now?.ino === ino && now.dev === dev) continue;
      return new XsError(
        "store_failed",
        `${path} was moved, replaced or removed while ${path === this.#directory ? "it" : this.#directory} was open: nothing more is acknowledged; bring it back, or start again on the folder where the store is now`,
      );
    }
    return undefined;
  }
}

function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // A part of the way to it is not a folder any more, or may not be entered.
    return undefined;
  }
}
