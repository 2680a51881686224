import { readdirSync, statSync } from "node:fs";
import { descriptorLimit, limitDescriptors } from "../lib/descriptor-limit.ts";
import {
  isSame,
  type ListeningSocket,
  listeningSockets,
  setAccepting,
} from "./listening-sockets.ts";

/** Where the system lists the descriptors of this process. */
const LIST = process.platform === "linux" ? "/proc/self/fd" : "/dev/fd";
/** Most descriptors that connections are kept from. */
const RESERVE = 1024;
/** How often the descriptors are counted, in ms, while few are open, and then; less often where that takes long. */
const CALM_MS = 150;
const CHECK_MS = 50;
/** Nobody is told more often, in ms. */
const TELL_MS = 60_000;

/** A way into the server. */
export interface Door {
  /** Closes the connections that wait for a request after their last one. */
  closeIdle(): void;
}

/** What holds while so many descriptors are in use. */
interface Level {
  /** The kernel gives no descriptor more. */
  readonly most: number;
  /** These take no connections. */
  readonly isClosed: (socket: ListeningSocket) => boolean;
  readonly doors: readonly Door[];
}

/**
 * Keeps descriptors for the store, and some for its own socket, however many clients connect. The
 * kernel gives none for a connection where only the reserve is left; then the doors take none, as the
 * event loop would try again without end, and the reserve is free for the store. New connections wait
 * in the queue of the kernel until others have ended.
 */
export class Descriptors {
  readonly #levels: readonly Level[];
  /** So near to the end of its descriptors a level is left. */
  readonly #slack: number;
  readonly #told: (problem: string) => void;
  #level = 0;
  #tellAfter = 0;
  /** What takes no connections now. */
  #closed: ListeningSocket[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  private constructor(levels: readonly Level[], slack: number, told: (problem: string) => void) {
    this.#levels = levels;
    this.#slack = slack;
    this.#told = told;
    limitDescriptors(levels[0]?.most ?? 0);
    this.#checkLater(CALM_MS);
  }

  /**
   * Begins to watch; all doors are open by now.
   *
   * @param own the door of the store itself
   * @param others the other doors, and the {@link listeningSockets} there were before its own
   * @param told that connections have to wait
   */
  static watch(
    own: Door,
    others: { readonly doors: readonly Door[]; readonly sockets: readonly ListeningSocket[] },
    told: (problem: string) => void,
  ): Descriptors | undefined {
    const most = descriptorLimit();
    const reserve = Math.min(RESERVE, Math.floor((most - (count() ?? most)) / 3));
    if (reserve < 1) return undefined;
    // What this takes is in memory when there is no descriptor to load it with.
    for (const socket of listeningSockets()) setAccepting(socket, true);
    const isOther = (socket: ListeningSocket) => others.sockets.some((one) => isSame(one, socket));
    const { doors } = others;
    const levels: Level[] = [
      { most: most - reserve, isClosed: () => false, doors: [] },
      { most: most - Math.ceil(reserve / 2), isClosed: isOther, doors },
      { most, isClosed: () => true, doors: [...doors, own] },
    ];
    return new Descriptors(levels, Math.ceil(reserve / 8), told);
  }

  /** Why a connection that lasts would take what is left for others; undefined where there is enough. */
  get crowded(): string | undefined {
    if (this.#level === 0) return undefined;
    const most = this.#levels[0]?.most;
    return `${most} files and connections are open, so none that lasts is taken: end some, or start xs with a higher limit (ulimit -n)`;
  }

  /** To be called before the doors are closed. */
  stop(): void {
    clearTimeout(this.#timer);
    limitDescriptors(this.#levels.at(-1)?.most ?? 0);
  }

  #checkLater(ms: number): void {
    this.#timer = setTimeout(() => this.#check(), ms);
    this.#timer.unref();
  }

  #check(): void {
    const start = performance.now();
    // Where they cannot even be counted, all are in use.
    const used = count() ?? Infinity;
    const [below, level] = [this.#levels[this.#level - 1], this.#levels[this.#level]];
    try {
      if (level && used >= level.most - this.#slack) this.#enter(this.#level + 1);
      else if (below && used < below.most - 2 * this.#slack) this.#enter(this.#level - 1);
    } catch {
      // A thread took the last descriptor: the next check tries again.
    }
    for (const door of this.#levels[this.#level]?.doors ?? []) door.closeIdle();
    const isCalm = used < (this.#levels[0]?.most ?? 0) / 2;
    const took = performance.now() - start;
    this.#checkLater(Math.max(isCalm ? CALM_MS : CHECK_MS, 50 * took));
  }

  #enter(number: number): void {
    const [before, level] = [this.#levels[this.#level], this.#levels[number]];
    if (!before || !level) return;
    // First, as the rest takes a descriptor itself.
    limitDescriptors(level.most);
    // Asked for anew, as a socket that somebody removes is put back.
    for (const socket of level.doors.length > 0 ? listeningSockets() : []) {
      if (!level.isClosed(socket) || this.#closed.some((one) => isSame(one, socket))) continue;
      setAccepting(socket, false);
      this.#closed.push(socket);
    }
    for (const socket of this.#closed) if (!level.isClosed(socket)) setAccepting(socket, true);
    this.#closed = this.#closed.filter(level.isClosed);
    const now = performance.now();
    if (this.#level === 0 && now >= this.#tellAfter) {
      this.#tellAfter = now + TELL_MS;
      this.#told(
        `${before.most} files and connections are open: new connections wait until others end`,
      );
    }
    this.#level = number;
  }
}

/** How many descriptors are open; undefined where there is none left to count them with. */
function count(): number | undefined {
  try {
    // Newer kernels say it where one only asks, which takes no descriptor.
    return statSync(LIST).size || readdirSync(LIST).length;
  } catch {
    return undefined;
  }
}
