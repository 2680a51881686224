import { signal } from "@preact/signals";
import { isAbort } from "../../lib/ask.ts";
import { type Frame, firstIdAt } from "../../lib/frame.ts";
import type { LogSource } from "./source.ts";

/** How many frames one request brings, and how many the page keeps. */
const PART = 400;
const MAX_KEPT = 2000;

/** The frames that the page has, a part of the log without a gap. */
export interface Shown {
  readonly frames: readonly Frame[];
  /** The number of the first of them, which changes only when frames come or go before it. */
  readonly base: number;
  /** There is none before the first, and none after the last. */
  readonly atStart: boolean;
  readonly atEnd: boolean;
}

const NOTHING: Shown = { frames: [], base: 0, atStart: false, atEnd: false };

/**
 * A window on the log: it holds some frames around the place where the person is, however many the log has. All other
 * places are reached by going there.
 */
export class FrameWindow {
  readonly shown = signal<Shown>(NOTHING);
  readonly isLoading = signal(true);
  readonly error = signal<unknown>(undefined);
  readonly #source: LogSource;
  #work = new AbortController();

  constructor(source: LogSource) {
    this.#source = source;
  }

  /** Goes to the newest frames. */
  toEnd(): Promise<void> {
    return this.#replace(async (signal) => {
      const frames = await this.#source.newest(PART, signal);
      return { frames, atStart: frames.length < PART, atEnd: true };
    });
  }

  /** Goes to the oldest frames. */
  toStart(): Promise<void> {
    return this.#replace(async (signal) => {
      const frames = await this.#source.oldest(PART, signal);
      return { frames, atStart: true, atEnd: frames.length < PART };
    });
  }

  /** Goes to a time, in ms since 1970: frames before and after it. */
  toTime(ms: number): Promise<void> {
    return this.#around(firstIdAt(ms));
  }

  /** Goes to a frame. */
  toFrame(id: string): Promise<void> {
    return this.#around(id);
  }

  /** Brings frames before the first; does nothing while something is brought, or where there are none. */
  async older(): Promise<void> {
    const { frames, atStart } = this.shown.peek();
    const [first] = frames;
    if (this.isLoading.peek() || atStart || !first) return;
    await this.#load(async (signal) => {
      const more = await this.#source.before(first.id, PART, signal);
      const now = this.shown.peek();
      const all = [...more, ...now.frames];
      const frames = all.slice(0, MAX_KEPT);
      this.shown.value = {
        frames,
        base: now.base - more.length,
        atStart: more.length < PART,
        atEnd: now.atEnd && frames.length === all.length,
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
      this.#append(more, more.length < PART);
    });
  }

  /** Adds frames that came live, where the window is at the end. A late one goes to its place. */
  add(come: readonly Frame[]): void {
    const { frames, atEnd } = this.shown.peek();
    if (!atEnd) return;
    const newest = frames.at(-1)?.id ?? "";
    const isInOrder = come.every((frame, at) => frame.id > (come[at - 1]?.id ?? newest));
    if (isInOrder) this.#append(come, true);
    else this.#merge(come);
  }

  /** Shows only these frames, the newest ones: so many came at once that those between were passed over. */
  skipTo(frames: readonly Frame[]): void {
    const { base, frames: before } = this.shown.peek();
    this.shown.value = { frames, base: base + before.length, atStart: false, atEnd: true };
  }

  /** There are newer frames than the window has. */
  leaveEnd(): void {
    const shown = this.shown.peek();
    if (shown.atEnd) this.shown.value = { ...shown, atEnd: false };
  }

  /** Ends what it asks for. */
  close(): void {
    this.#work.abort();
  }

  #append(more: readonly Frame[], atEnd: boolean): void {
    const now = this.shown.peek();
    const all = [...now.frames, ...more];
    const gone = Math.max(0, all.length - MAX_KEPT);
    this.shown.value = {
      frames: all.slice(gone),
      base: now.base + gone,
      atStart: now.atStart && gone === 0,
      atEnd,
    };
  }

  #merge(come: readonly Frame[]): void {
    const now = this.shown.peek();
    const [first] = now.frames;
    const inside = come.filter(({ id }) => now.atStart || !first || id > first.id);
    const byId = new Map([...now.frames, ...inside].map((frame) => [frame.id, frame]));
    const frames = [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    this.shown.value = { ...now, frames };
  }

  #around(id: string): Promise<void> {
    return this.#replace(async (signal) => {
      const [before, after] = await Promise.all([
        this.#source.before(id, PART / 2, signal),
        this.#source.after(predecessor(id), PART, signal),
      ]);
      return {
        frames: [...before, ...after],
        atStart: before.length < PART / 2,
        atEnd: after.length < PART,
        base: -before.length,
      };
    });
  }

  async #replace(
    load: (signal: AbortSignal) => Promise<Omit<Shown, "base"> & { base?: number }>,
  ): Promise<void> {
    this.#work.abort();
    this.#work = new AbortController();
    await this.#load(async (signal) => {
      const shown = await load(signal);
      this.shown.value = { base: 0, ...shown };
    });
  }

  async #load(load: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this.#work;
    this.isLoading.value = true;
    try {
      await load(signal);
      this.error.value = undefined;
    } catch (error) {
      if (!signal.aborted && !isAbort(error)) this.error.value = error;
    } finally {
      if (!signal.aborted) this.isLoading.value = false;
    }
  }
}

/** The greatest text below an id that sorts above every smaller id. */
function predecessor(id: string): string {
  const value = [...id].reduce((sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)), 0n);
  return (value === 0n ? 0n : value - 1n).toString(36).padStart(25, "0");
}
