import { type Stats, statSync } from "node:fs";
import { XsError } from "../../core/error.ts";
import { Moves } from "./moves.ts";

/** After this many checks of the files, a watch for moves costs less. */
const CHECKS_BEFORE_WATCH = 20;

/**
 * Notices when an open store is moved, replaced or removed. This process has its files open, so writes would still
 * succeed, but they would be lost, or go to a store in another place.
 */
export class InPlace {
  readonly #directory: string;
  /** Watches all files; undefined before the watch begins. */
  #moves: Moves | undefined;
  #looks = 0;
  readonly #watched = new Map<string, { readonly ino: number; readonly dev: number }>();

  /** Never reset: writes since the move may be lost. */
  #problem: XsError | undefined;

  /** @param directory of the store, for messages */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Requires from now on that this path leads to the file that it leads to now. */
  watch(path: string): void {
    const { ino, dev } = statSync(path);
    this.#watched.set(path, { ino, dev });
    if (this.#moves?.add(path) === false) this.close();
  }

  /** As {@link problem} at almost no cost, but without the folders above the store. */
  problemAtHand(): XsError | undefined {
    if (this.#problem) return this.#problem;
    if (this.#moves && !this.#moves.any()) return undefined;
    // A short command would spend more time on the watch than on its writes.
    if (++this.#looks === CHECKS_BEFORE_WATCH) this.#moves = Moves.watch(this.#watched.keys());
    return this.problem();
  }

  /** The reason why the store must not acknowledge writes any more; undefined while all files are in place. */
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
