import { type Stats, statSync } from "node:fs";
import { XsError } from "../frame/error.ts";

/**
 * Watches over the files of an open store. They are open here whatever becomes of their names; but when
 * the store is moved, replaced or removed, what is written next would be lost, or go to another one.
 */
export class InPlace {
  readonly #directory: string;
  readonly #watched = new Map<string, { readonly ino: number; readonly dev: number }>();

  /** @param directory of the store, for messages */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** From now on this path has to stay what it is now. */
  watch(path: string): void {
    const { ino, dev } = statSync(path);
    this.#watched.set(path, { ino, dev });
  }

  /** Why nothing may be acknowledged any more; undefined where all is in its place. */
  problem(): XsError | undefined {
    for (const [path, { ino, dev }] of this.#watched) {
      const now = look(path);
      if (now?.ino === ino && now.dev === dev) continue;
      return new XsError(
        "store_failed",
        `${path} was moved, replaced or removed while ${this.#directory} was open: nothing more is acknowledged; bring it back, or start again on the folder where the store is now`,
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
