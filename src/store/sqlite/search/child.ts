import { dirname } from "node:path";
import { XsError } from "../../../core/error.ts";
import { selfCommand } from "../../../lib/self.ts";
import { diskFull, hasDescriptors, isNoSpace, isOutOfFiles, outOfFiles } from "../../failures.ts";
import type { FromSearch, SearchPlaces, ToSearch } from "./messages.ts";

/** A process takes about half of these descriptors. */
const DESCRIPTORS = 8;
/** How long a process may take to end by itself, in ms. */
const END_MS = 2000;

/** The file of the index is damaged, or is not there. */
export class IndexDamaged extends Error {}

/** The process has ended, as it does where somebody kills it. */
export class SearchDied extends Error {}

/** A process of the search: it answers one request at a time. */
export class SearchChild {
  readonly #child: Bun.Subprocess;
  readonly #newMark: () => Promise<string | null>;
  readonly #index: string;
  #isCutOff = false;
  #waiting: PromiseWithResolvers<FromSearch> | undefined;

  /**
   * @param newMark makes a new mark durable; null where that fails
   * @throws XsError `too_many_files` where the system lacks what a process needs
   */
  constructor(places: SearchPlaces, newMark: () => Promise<string | null> = async () => null) {
    this.#newMark = newMark;
    this.#index = places.index;
    if (!hasDescriptors(DESCRIPTORS)) throw outOfFiles();
    try {
      this.#child = Bun.spawn(selfCommand("search", JSON.stringify(places)), {
        stdio: ["ignore", "ignore", "ignore"],
        // Where SQLite keeps what it sorts, and rewrites: not in a folder in memory.
        env: { ...process.env, SQLITE_TMPDIR: dirname(places.index) },
        serialization: "json",
        ipc: (message) => this.#take(message as FromSearch),
        onExit: () => this.#waiting?.reject(new SearchDied("the process of the search has ended")),
      });
      this.#child.unref();
    } catch (error) {
      throw isOutOfFiles(error) ? outOfFiles(error) : error;
    }
  }

  /** Whether it has a request that it did not answer. */
  get isBusy(): boolean {
    return this.#waiting !== undefined;
  }

  get isAlive(): boolean {
    return !this.#isCutOff && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /**
   * Sends a request, and resolves to its answer.
   *
   * @throws IndexDamaged, SearchDied; XsError `disk_full`
   */
  async ask(message: ToSearch): Promise<FromSearch> {
    const waiting = Promise.withResolvers<FromSearch>();
    if (!this.isAlive) throw new SearchDied("the process of the search has ended");
    this.#waiting = waiting;
    this.#child.ref();
    try {
      try {
        this.#child.send(message);
      } catch (error) {
        // That it has ended is known a moment later.
        this.#isCutOff = true;
        throw new SearchDied((error as Error).message);
      }
      return await waiting.promise;
    } finally {
      this.#waiting = undefined;
      this.#child.unref();
    }
  }

  /** Ends it within what it does. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Lets it end by itself, so that it leaves its files in order; it does not hurt where it does not. */
  async end(): Promise<void> {
    if (!this.isAlive) return;
    this.#child.ref();
    const timer = setTimeout(() => this.kill(), this.#waiting ? 0 : END_MS);
    try {
      if (!this.#waiting) this.#child.send({ end: true } satisfies ToSearch);
    } catch {
      this.kill();
    }
    await this.#child.exited;
    clearTimeout(timer);
  }

  #take(message: FromSearch): void {
    if ("mark" in message) {
      void this.#newMark().then((mark) => {
        if (this.isAlive) this.#child.send({ mark } satisfies ToSearch);
      });
    } else if ("failed" in message) {
      this.#waiting?.reject(errorOf(message.failed, this.#index));
    } else {
      this.#waiting?.resolve(message);
    }
  }
}

function errorOf({ message, code }: { message: string; code: string }, index: string): Error {
  const error = Object.assign(new Error(message), { code });
  if (code === "damaged") return new IndexDamaged(message);
  if (isNoSpace(error)) {
    const full = diskFull(error);
    return new XsError("disk_full", `the index of the search finds no room: ${full.message}`);
  }
  if (isOutOfFiles(error)) return outOfFiles(error);
  if (code.startsWith("SQLITE_BUSY")) {
    return new XsError("busy", "another process writes the index of the search: try again later");
  }
  return new XsError(
    "internal",
    `the search failed (${message}): look at ${index} and ${index}-lock, which may be removed`,
    { cause: error },
  );
}
