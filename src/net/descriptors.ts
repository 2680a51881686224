import { readdirSync, statSync } from "node:fs";
import { descriptorLimit, limitDescriptors } from "../lib/descriptor-limit.ts";
import {
  isSame,
  type ListeningSocket,
  listeningSockets,
  setAccepting,
} from "./listening-sockets.ts";

/** The directory in which the system lists the descriptors of this process. */
const LIST = process.platform === "linux" ? "/proc/self/fd" : "/dev/fd";
/** At most this many descriptors are reserved: connections cannot use them. */
const MAX_RESERVE = 1024;
/** The time between two counts, in ms: while few descriptors are open, and else. It is longer if counting is slow. */
const CALM_MS = 150;
const CHECK_MS = 50;
/** The least time between two reports, in ms. */
const REPORT_INTERVAL_MS = 60_000;

/** A listener of the server: the store's socket, `--expose`, or the gateway. */
export interface Door {
  /** Closes the kept-alive connections that have no request under way. */
  closeIdle(): void;
}

/** The limits that apply while a certain number of descriptors is in use. */
interface Level {
  /** The soft limit of descriptors that the kernel enforces. */
  readonly most: number;
  /** Tells which sockets accept no connections. */
  readonly isClosed: (socket: ListeningSocket) => boolean;
  readonly doors: readonly Door[];
}

/**
 * Reserves descriptors for the store, and some for its socket, however many clients connect. Once only
 * the reserve is left, a lower soft limit makes the kernel refuse descriptors for connections. The doors
 * then stop accepting, because the event loop would retry without end; the limit rises, and the store can
 * use the reserve. New connections wait in the queue of the kernel until others end.
 */
export class Descriptors {
  readonly #levels: readonly Level[];
  /** The next level begins when fewer descriptors than this are left in the present one. */
  readonly #slack: number;
  readonly #report: (problem: string) => void;
  #level = 0;
  #reportAfter = 0;
  /** The sockets that accept no connections now. */
  #closed: ListeningSocket[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  private constructor(levels: readonly Level[], slack: number, report: (problem: string) => void) {
    this.#levels = levels;
    this.#slack = slack;
    this.#report = report;
    limitDescriptors(levels[0]?.most ?? 0);
    this.#checkLater(CALM_MS);
  }

  /**
   * Begins to watch the descriptors. All doors must be open already.
   *
   * @param own the door of the store
   * @param others the other doors, and the {@link listeningSockets} that existed before `own` opened
   * @param report receives a message when connections have to wait
   * @returns undefined if the limit leaves nothing to reserve
   */
  static watch(
    own: Door,
    others: { readonly doors: readonly Door[]; readonly sockets: readonly ListeningSocket[] },
    report: (problem: string) => void,
  ): Descriptors | undefined {
    const most = descriptorLimit();
    const reserve = Math.min(MAX_RESERVE, Math.floor((most - (countOpen() ?? most)) / 3));
    if (reserve < 1) return undefined;
    // Loads the code now: later there may be no descriptor left to load it with.
    for (const socket of listeningSockets()) setAccepting(socket, true);
    const isOther = (socket: ListeningSocket) => others.sockets.some((one) => isSame(one, socket));
    const { doors } = others;
    const levels: Level[] = [
      { most: most - reserve, isClosed: () => false, doors: [] },
      { most: most - Math.ceil(reserve / 2), isClosed: isOther, doors },
      { most, isClosed: () => true, doors: [...doors, own] },
    ];
    return new Descriptors(levels, Math.ceil(reserve / 8), report);
  }

  /** The reason to refuse a connection that may last; undefined while enough descriptors are free. */
  get crowded(): string | undefined {
    if (this.#level === 0) return undefined;
    const most = this.#levels[0]?.most;
    return `${most} files and connections are open, so xs refuses requests that may last: end some, or start xs with a higher limit (ulimit -n)`;
  }

  /** Stops watching. Call it before the doors close. */
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
    // If counting fails, all descriptors are in use.
    const used = countOpen() ?? Infinity;
    const [below, level] = [this.#levels[this.#level - 1], this.#levels[this.#level]];
    try {
      if (level && used >= level.most - this.#slack) this.#enter(this.#level + 1);
      else if (below && used < below.most - 2 * this.#slack) this.#enter(this.#level - 1);
    } catch {
      // A thread took the last descriptor; the next check tries again.
    }
    for (const door of this.#levels[this.#level]?.doors ?? []) door.closeIdle();
    const isCalm = used < (this.#levels[0]?.most ?? 0) / 2;
    const took = performance.now() - start;
    this.#checkLater(Math.max(isCalm ? CALM_MS : CHECK_MS, 50 * took));
  }

  #enter(number: number): void {
    const [before, level] = [this.#levels[this.#level], this.#levels[number]];
    if (!before || !level) return;
    // This comes first: the lines below need a descriptor.
    limitDescriptors(level.most);
    // Listed anew each time: the server replaces its socket if somebody removes it.
    for (const socket of level.doors.length > 0 ? listeningSockets() : []) {
      if (!level.isClosed(socket) || this.#closed.some((one) => isSame(one, socket))) continue;
      setAccepting(socket, false);
      this.#closed.push(socket);
    }
    for (const socket of this.#closed) if (!level.isClosed(socket)) setAccepting(socket, true);
    this.#closed = this.#closed.filter(level.isClosed);
    const now = performance.now();
    if (this.#level === 0 && now >= this.#reportAfter) {
      this.#reportAfter = now + REPORT_INTERVAL_MS;
      this.#report(
        `${before.most} files and connections are open: new connections wait until others end`,
      );
    }
    this.#level = number;
  }
}

/** Counts the open descriptors; undefined if none is left to count them with. */
function countOpen(): number | undefined {
  try {
    // Newer kernels (Linux 6.2) report the count as the size of the directory, which needs no descriptor.
    return statSync(LIST).size || readdirSync(LIST).length;
  } catch {
    return undefined;
  }
}
