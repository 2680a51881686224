import { signal } from "@preact/signals";
import { isAbort } from "../../lib/ask.ts";
import { type Frame, firstIdAt, idBefore } from "../../lib/frame.ts";
import type { RowGoal } from "../../parts/virtual-rows.tsx";
import { merged, placeOf, without } from "./frames.ts";
import type { LogSource } from "./source.ts";

/** How many frames one request brings, and how many the page keeps. */
const PART = 400;
export const MAX_KEPT = 2000;

/** The frames that the page has, a part of the log without a gap. */
export interface Shown {
  readonly frames: readonly Frame[];
  /** There is none before the first, and none after the last. */
  readonly atStart: boolean;
  readonly atEnd: boolean;
  /** The frame to which the list goes when these appear. */
  readonly goal?: RowGoal | undefined;
}

/**
 * A window on the log: it holds some frames around the place where the person is, however many the log has. All other
 * places are reached by going there. What comes live is put at its place, or counted while the person looks elsewhere.
 */
export class FrameWindow {
  readonly shown = signal<Shown>({ frames: [], atStart: false, atEnd: false });
  readonly isLoading = signal(true);
  readonly error = signal<unknown>(undefined);
  /** The list stays at its live end. */
  readonly isFollowing = signal(true);
  /** How many frames came that are newer than the window, and are not in it. */
  readonly waiting = signal(0);
  readonly #source: LogSource;
  #work = new AbortController();
  /** What came while frames are read: the answer may be older than these. */
  #meanwhile: Frame[] = [];
  #passedMeanwhile = 0;
  /** Frames that are never stored and came while the person looked elsewhere: the log does not have them. */
  #unstored: Frame[] = [];

  constructor(source: LogSource) {
    this.#source = source;
  }

  /** Stays where it is, whatever comes. */
  pause(): void {
    this.isFollowing.value = false;
  }

  /** Goes to the newest frames, and stays at the end. */
  async resume(): Promise<void> {
    this.isFollowing.value = true;
    const unstored = this.#unstored.splice(0);
    if (!this.shown.peek().atEnd) await this.toEnd();
    this.#take(unstored);
  }

  /** Goes to the newest frames. */
  toEnd(): Promise<void> {
    return this.#replace(async (signal) => {
      const frames = await this.#source.newest(PART, signal);
      const last = frames.at(-1);
      const goal: RowGoal | undefined = last && { key: last.id, where: "top" };
      return { frames, atStart: frames.length < PART, atEnd: true, goal };
    });
  }

  /** Goes to the oldest frames. */
  toStart(): Promise<void> {
    return this.#replace(async (signal) => {
      const frames = await this.#source.oldest(PART, signal);
      const first = frames[0];
      const goal: RowGoal | undefined = first && { key: first.id, where: "top" };
      return { frames, atStart: true, atEnd: frames.length < PART, goal };
    });
  }

  /** Goes to a time, in ms since 1970: frames before and after it. */
  toTime(ms: number): Promise<void> {
    return this.#around({ key: firstIdAt(ms), where: "top" });
  }

  /** Goes to a frame, or to where it would be. */
  toFrame(id: string, where: RowGoal["where"] = "top"): Promise<void> {
    return this.#around({ key: id, where });
  }

  /** Brings frames before the first; does nothing while something is read, or where there are none. */
  async older(): Promise<void> {
    const { frames, atStart } = this.shown.peek();
    const [first] = frames;
    if (this.isLoading.peek() || atStart || !first) return;
    await this.#load(async (signal) => {
      const more = await this.#source.before(first.id, PART, signal);
      const now = this.shown.peek();
      const all = merged(now.frames, more);
      const kept = this.isFollowing.peek() ? all.slice(-MAX_KEPT) : all.slice(0, MAX_KEPT);
      this.shown.value = {
        frames: kept,
        atStart: more.length < PART && kept[0] === all[0],
        atEnd: now.atEnd && kept.at(-1) === all.at(-1),
      };
    });
  }

  /** Brings frames after the last. */
  async newer(): Promise<void> {
    const { frames, atEnd } = this.shown.peek();
    const last = frames.at(-1);
    if (this.isLoading.peek() || atEnd || !last) return;
    await this.#load(async (signal) => {
      const more = await this.#source.after(last.id, PART, signal);
      const isEnd = more.length < PART;
      this.#append(more, isEnd);
      this.waiting.value = isEnd ? 0 : Math.max(0, this.waiting.peek() - more.length);
    });
  }

  /**
   * Takes frames that came live: each goes to its place in the window, or is newer than it and is counted.
   *
   * @param passed how many came before these and were dropped unread, in a burst
   */
  come(frames: readonly Frame[], passed: number): void {
    if (this.isLoading.peek()) this.#keepMeanwhile(frames, passed);
    const { frames: shown, atEnd, atStart } = this.shown.peek();
    const last = shown.at(-1)?.id ?? "";
    if (this.isFollowing.peek() && atEnd && passed > 0) {
      // Between the window and these are frames that it does not have.
      const newer = merged([], frames).filter(({ id }) => id > last);
      if (newer.length > 0) this.shown.value = { frames: newer, atStart: false, atEnd: true };
      return;
    }
    this.#take(frames.filter(({ id }) => id < last));
    const ahead = frames.filter(({ id }) => id > last);
    if (ahead.length + passed === 0) return;
    if (atEnd && (this.isFollowing.peek() || (shown.length === 0 && atStart))) {
      this.#append(ahead, true);
      return;
    }
    const unstored = ahead.filter(({ ttl }) => ttl === "ephemeral");
    this.#unstored = [...this.#unstored, ...unstored].slice(-PART);
    const missed = ahead.length - unstored.length + passed;
    this.waiting.value += missed;
    if (missed > 0 && atEnd) this.shown.value = { ...this.shown.peek(), atEnd: false };
  }

  /** Compares a part of the window with the log: frames may have been removed, or have come late in great numbers. */
  async check(first: string, last: string): Promise<void> {
    if (this.isLoading.peek()) return;
    const { signal } = this.#work;
    const frames = this.shown.peek().frames;
    const inside = frames.slice(placeOf(frames, first), placeOf(frames, last) + 1);
    const limit = inside.length + 50;
    try {
      const found = await this.#source.after(idBefore(first), limit, signal);
      const end = found.length < limit ? last : (found.at(-1)?.id ?? last);
      const stored = found.filter(({ id }) => id <= last);
      const ids = new Set(stored.map(({ id }) => id));
      const gone = inside.filter(({ id, ttl }) => id <= end && ttl !== "ephemeral" && !ids.has(id));
      if (gone.length > 0) this.remove(gone.map(({ id }) => id));
      this.#take(stored);
    } catch {
      // The next check will tell.
    }
  }

  /** Takes frames out that were removed. */
  remove(ids: readonly string[]): void {
    const now = this.shown.peek();
    const frames = without(now.frames, new Set(ids));
    if (frames.length < now.frames.length) this.shown.value = { ...now, frames };
  }

  /** Ends what it asks for. */
  close(): void {
    this.#work.abort();
  }

  #append(more: readonly Frame[], atEnd: boolean): void {
    const now = this.shown.peek();
    const all = merged(now.frames, more);
    const kept = all.slice(-MAX_KEPT);
    this.shown.value = { frames: kept, atStart: now.atStart && kept[0] === all[0], atEnd };
    if (atEnd) this.waiting.value = 0;
  }

  /** Puts frames between those of the window: late ones, and those that are not stored. */
  #take(come: readonly Frame[]): void {
    const now = this.shown.peek();
    const [first] = now.frames;
    const last = now.frames.at(-1);
    const inside = come.filter(
      ({ id }) => (now.atStart || !first || id > first.id) && (now.atEnd || (last && id < last.id)),
    );
    const frames = merged(now.frames, inside);
    if (frames.length > now.frames.length) this.shown.value = { ...now, frames };
  }

  #around(goal: RowGoal): Promise<void> {
    return this.#replace(async (signal) => {
      const [before, after] = await Promise.all([
        this.#source.before(goal.key, PART / 2, signal),
        this.#source.after(idBefore(goal.key), PART, signal),
      ]);
      return {
        frames: merged(before, after),
        atStart: before.length < PART / 2,
        atEnd: after.length < PART,
        goal,
      };
    });
  }

  async #replace(load: (signal: AbortSignal) => Promise<Shown>): Promise<void> {
    this.#work.abort();
    this.#work = new AbortController();
    await this.#load(async (signal) => {
      const shown = await load(signal);
      this.shown.value = shown;
      if (shown.atEnd) this.waiting.value = 0;
    });
  }

  async #load(load: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this.#work;
    this.isLoading.value = true;
    this.#meanwhile = [];
    this.#passedMeanwhile = 0;
    try {
      await load(signal);
      this.error.value = undefined;
    } catch (error) {
      if (!signal.aborted && !isAbort(error)) this.error.value = error;
    } finally {
      if (!signal.aborted) this.#loaded();
    }
  }

  #keepMeanwhile(frames: readonly Frame[], passed: number): void {
    const all = [...this.#meanwhile, ...frames];
    const over = Math.max(0, all.length - MAX_KEPT);
    this.#meanwhile = all.slice(over);
    this.#passedMeanwhile += passed + over;
  }

  /** What came meanwhile may be in the answer or not. */
  #loaded(): void {
    this.isLoading.value = false;
    const meanwhile = this.#meanwhile.splice(0);
    if (this.shown.peek().atEnd) this.come(meanwhile, this.#passedMeanwhile);
    else this.#take(meanwhile);
  }
}
