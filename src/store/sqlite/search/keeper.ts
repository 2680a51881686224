import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { XsError } from "../../../core/error.ts";
import { INDEX } from "../../is-store.ts";
import type { Ends } from "../../read-source.ts";
import { onEnd } from "../read-only.ts";
import { IndexDamaged, SearchChild, SearchDied } from "./child.ts";
import { inodeOf } from "./index-file.ts";
import type { Indexed, Marks, SearchPlaces, ToSearch } from "./messages.ts";

/** How long a step of the work on the index takes, about, in ms: else, and while others write, with a wait after it. */
const STEP_MS = 200;
const BUSY_STEP_MS = 30;
const BUSY_WAIT_MS = 1000;
/** With more writes in a second than this, others write. */
const BUSY_WRITES = 50;
/** A process that has nothing to do is kept so long, in ms. */
const KEPT_MS = 30_000;
/** Removed frames are taken out of the index so often at most, in ms. */
const SWEEP_MS = 10_000;

/** What keeps the index uses of a store. */
export interface KeeperUses {
  /** The directory of the store. */
  readonly path: string;
  readonly database: string;
  /** The folder of the files of content. */
  readonly files: string;
  /** The store is only read: its index is made in a temporary folder. */
  readonly isStill: boolean;
  /** How far readers may see now. */
  ends(): Ends;
  /** How many writes were committed, and how many frames removed, since the store was opened. */
  activity(): { readonly writes: number; readonly removals: number };
  /** The marks of the store; none where it never had an index. */
  marks(): Marks;
  /** Keeps marks in the store, durably. */
  setMarks(marks: Marks): Promise<unknown>;
}

/** Keeps the index of a store: by a process that takes in what came and takes out what went. */
export class IndexKeeper {
  readonly places: SearchPlaces;
  readonly #uses: KeeperUses;
  readonly #temporary: string | undefined;
  readonly #stopWatching: (() => void) | undefined;
  #marks: Marks = [];
  #child: SearchChild | undefined;
  #usedAt = 0;
  #covered: Ends = { seq: 0, late: 0 };
  /** What the work on the index is to reach. */
  #wanted: Ends = { seq: 0, late: 0 };
  #work: Promise<void> | undefined;
  /** Searches that wait: the work goes on though others write. */
  #waiting = 0;
  #writes = 0;
  #writesAt = 0;
  /** How many removals the index knows; undefined before it was compared with the store. */
  #removals: number | undefined;
  #sweptAt = 0;
  /** How many removals there were when a search last looked how far the index is. */
  #looked = 0;
  #mustLook = false;
  /** The file that the index was in last. */
  #inode = 0;
  /** One request at a time. */
  #queue: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(uses: KeeperUses) {
    this.#uses = uses;
    if (uses.isStill) this.#temporary = mkdtempSync(join(tmpdir(), "xs-search-"));
    this.places = {
      database: uses.database,
      files: uses.files,
      index: join(this.#temporary ?? uses.path, INDEX),
    };
    if (this.#temporary) this.#stopWatching = onEnd(this.#removeTemporary);
  }

  /** Whether the store has an index. */
  get isThere(): boolean {
    return inodeOf(this.places.index) !== 0;
  }

  /**
   * Whether the index is known to have everything up to the ends. Where a frame was removed it may have been the newest,
   * and another may have its number now: then the index has to look.
   */
  isCovered(ends: Ends): boolean {
    return this.#uses.activity().removals === this.#looked && this.#hasAll(ends);
  }

  /**
   * Resolves when the index has everything up to the ends.
   *
   * @param ms how long it waits
   * @throws XsError `index_building` where it takes longer; as the work fails
   */
  async covers(ends: Ends, ms: number, signal?: AbortSignal): Promise<void> {
    this.#wanted = further(this.#wanted, ends);
    this.#waiting++;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const { promise: late, resolve } = Promise.withResolvers<"late">();
    const isLate = () => resolve("late");
    signal?.addEventListener("abort", isLate);
    try {
      timer = setTimeout(isLate, ms);
      const { removals } = this.#uses.activity();
      if (removals !== this.#looked) this.#mustLook = true;
      while (!this.#hasAll(ends)) {
        const work = this.#begin();
        work.catch(() => {});
        if ((await Promise.race([work, late])) === "late") throw this.#building(ends);
      }
      this.#looked = removals;
    } finally {
      this.#waiting--;
      clearTimeout(timer);
      signal?.removeEventListener("abort", isLate);
    }
  }

  /** Begins what is due; for a server, every second. */
  async tick(): Promise<void> {
    if (!this.isThere || this.#isClosed || this.#work !== undefined) return;
    const ends = this.#uses.ends();
    if (!this.#hasAll(ends)) {
      this.#wanted = further(this.#wanted, ends);
      return this.#begin();
    }
    const { removals } = this.#uses.activity();
    const now = performance.now();
    if (removals !== this.#removals && now - this.#sweptAt > SWEEP_MS && !this.#isBusy()) {
      await this.sweep(false);
    } else if (this.#child?.isBusy === false && now - this.#usedAt > KEPT_MS) {
      const child = this.#child;
      this.#child = undefined;
      await child.end();
    }
  }

  /** Takes what was removed out of the index. @param purge its words go from the file as well */
  async sweep(purge: boolean): Promise<void> {
    const { removals } = this.#uses.activity();
    let from: number | null = Number.MIN_SAFE_INTEGER;
    while (from !== null) {
      const row: number = from;
      const answer = await this.#ask((marks) => ({ sweep: { marks, from: row, ms: STEP_MS } }));
      from = "swept" in answer ? answer.swept : null;
      while (!purge && this.#isBusy() && !this.#isClosed) await Bun.sleep(BUSY_WAIT_MS);
    }
    if (purge) await this.#ask((marks) => ({ clean: { marks } }));
    this.#removals = removals;
    this.#sweptAt = performance.now();
  }

  /** What is wrong with the file of the index. */
  async check(): Promise<readonly string[]> {
    const answer = await this.#ask((marks) => ({ check: { marks } }));
    return "checked" in answer ? answer.checked : [];
  }

  /** Makes the index anew, as its file is damaged. */
  async renew(): Promise<void> {
    this.#covered = { seq: 0, late: 0 };
    await this.#ask((marks) => ({ drop: { marks } }));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#child?.end();
    await this.#work?.catch(() => {});
    this.#removeTemporary();
    this.#stopWatching?.();
  }

  readonly #removeTemporary = () => {
    if (!this.#temporary) return;
    rmSync(this.#temporary, { recursive: true, force: true });
  };

  #hasAll({ seq, late }: Ends): boolean {
    const covered = this.#covered;
    if (this.#mustLook) return false;
    if (covered.seq < seq || covered.late > late) return false;
    // A user may remove it, or put another in its place.
    return this.#inode !== 0 && inodeOf(this.places.index) === this.#inode;
  }

  /** The work under way, which begins where there is none. */
  #begin(): Promise<void> {
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined;
    });
    return this.#work;
  }

  /** Takes in frames up to what is wanted. */
  async #run(): Promise<void> {
    for (;;) {
      const ends = this.#wanted;
      const isBusy = this.#waiting === 0 && this.#isBusy();
      const ms = isBusy ? BUSY_STEP_MS : STEP_MS;
      const answer = await this.#ask((marks) => ({ index: { ends, marks, ms } }));
      if (!("indexed" in answer)) return;
      const { covered, isDone }: Indexed = answer.indexed;
      this.#covered = isDone ? ends : covered;
      this.#mustLook = false;
      this.#inode = inodeOf(this.places.index);
      if (isDone && this.#wanted === ends) return;
      if (this.#isClosed) return;
      if (isBusy) await this.#pause();
    }
  }

  /** Waits, unless a search comes. */
  async #pause(): Promise<void> {
    const until = performance.now() + BUSY_WAIT_MS;
    while (this.#waiting === 0 && !this.#isClosed && performance.now() < until) await Bun.sleep(20);
  }

  /** Whether others write much. */
  #isBusy(): boolean {
    const { writes } = this.#uses.activity();
    const now = performance.now();
    const rate = (1000 * (writes - this.#writes)) / Math.max(1, now - this.#writesAt);
    this.#writes = writes;
    this.#writesAt = now;
    return rate > BUSY_WRITES;
  }

  /** Asks the process, which starts where there is none. A damaged index is made anew. */
  async #ask(request: (marks: Marks) => ToSearch) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#queue;
    this.#queue = promise;
    await before;
    try {
      for (let tries = 0; ; tries++) {
        if (this.#isClosed) throw new XsError("store_closed", "the store is closed");
        try {
          await this.#knowMarks();
          if (!this.#child?.isAlive) {
            this.#child = new SearchChild(this.places, () => this.#nextMark());
          }
          return await this.#child.ask(request(this.#marks));
        } catch (error) {
          if (tries > 2 || !(error instanceof IndexDamaged || error instanceof SearchDied))
            throw error;
          this.#covered = { seq: 0, late: 0 };
          if (error instanceof IndexDamaged && this.#child?.isAlive) {
            await this.#child.ask({ drop: { marks: this.#marks } });
          }
        }
      }
    } finally {
      this.#usedAt = performance.now();
      resolve();
    }
  }

  async #knowMarks(): Promise<void> {
    if (this.#marks.length > 0) return;
    const known = this.#uses.isStill ? ["still"] : this.#uses.marks();
    if (known.length > 0) {
      this.#marks = known;
      return;
    }
    const first = [crypto.randomUUID()];
    await this.#uses.setMarks(first);
    this.#marks = first;
  }

  /** Makes a new mark, and keeps the one before it. Returns null where it cannot be written. */
  async #nextMark(): Promise<string | null> {
    if (this.#uses.isStill) return "still";
    const marks = [crypto.randomUUID(), ...this.#marks.slice(0, 1)];
    try {
      await this.#uses.setMarks(marks);
    } catch {
      return null;
    }
    this.#marks = marks;
    return marks[0] ?? null;
  }

  #building(ends: Ends): XsError {
    const done = this.#covered.seq - this.#covered.late;
    const percent = Math.min(99, Math.floor((100 * done) / Math.max(1, ends.seq - ends.late)));
    return new XsError(
      "index_building",
      `the index of the search is being made, and ${percent} % of it is there: try again in a moment`,
      { members: { percent: String(percent) } },
    );
  }
}

function further(one: Ends, other: Ends): Ends {
  const isFurther = other.seq > one.seq || other.late < one.late;
  if (!isFurther) return one;
  return { seq: Math.max(one.seq, other.seq), late: Math.min(one.late, other.late) };
}
