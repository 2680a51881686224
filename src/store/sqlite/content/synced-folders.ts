import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { syncPath } from "../../../lib/fsync.ts";
import { makePrivateFolder } from "../../modes.ts";

/** The folders below the one of all content: they are made on the way to a file, and synced with it. */
export class SyncedFolders {
  readonly #root: string;
  readonly #synced = new Set<string>();

  /** @param root the folder of all content */
  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Makes a folder and those above it, but never that of all content: where it is gone, the store is, and another must
   * not be begun in its place.
   */
  make(folder: string): void {
    if (existsSync(folder)) return;
    if (folder === this.#root) throw new Error(`${folder} is gone`);
    this.make(dirname(folder));
    makePrivateFolder(folder);
  }

  /** Syncs a file and the folders on the way to it. */
  async sync(path: string): Promise<void> {
    await syncPath(path);
    await this.syncAbove(path);
  }

  /** Syncs the folders on the way to a file. */
  async syncAbove(path: string): Promise<void> {
    // The folder that holds the file is synced every time, one above it for each new entry.
    await syncPath(dirname(path));
    for (let folder = dirname(path); folder !== this.#root; folder = dirname(folder)) {
      if (this.#synced.has(folder)) return;
      await syncPath(dirname(folder));
      this.#synced.add(folder);
    }
  }
}

/** Catches the error of a call that finds no file. */
export function missing(error: { code?: string }): undefined {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
  throw error;
}
