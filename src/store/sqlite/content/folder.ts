import { onceThereAreFiles } from "../../failures.ts";
import type { InPlace } from "../in-place.ts";
import type { ContentFiles } from "./cacache-files.ts";

/** The directory of cacache: made when the first file is written, and from then on it must stay in place. */
export class ContentFolder {
  readonly #files: ContentFiles;
  readonly #place: InPlace;
  #ready: Promise<void> | undefined;

  constructor(files: ContentFiles, place: InPlace) {
    this.#files = files;
    this.#place = place;
  }

  /** Makes it, once. Await this before each write of a file. */
  prepare(): Promise<void> {
    this.#ready ??= onceThereAreFiles(() => this.#files.prepare()).then(
      () => this.#place.watch(this.#files.root),
      (error) => {
        // The cause may pass, so the next call tries again.
        this.#ready = undefined;
        throw error;
      },
    );
    return this.#ready;
  }
}
