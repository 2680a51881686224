import { RUNTIME_PREFIX } from "../../../../core/topic.ts";
import { ask } from "../../lib/ask.ts";
import { type Frame, firstIdAt, parseFrame } from "../../lib/frame.ts";
import { jsonLines } from "../../lib/lines.ts";
import type { Selection } from "./selection.ts";
import { momentIn } from "./when.ts";

/** Reads the frames of a selection, a bounded part at a time. */
export class LogSource {
  readonly selection: Selection;
  /** Nothing more comes: the selection ended. */
  readonly isOver: boolean;
  /** The ids between which its frames are; the second is not among them. */
  readonly #begin: string;
  readonly #end: string | undefined;

  constructor(selection: Selection) {
    this.selection = selection;
    const until = momentIn(selection.until);
    this.#begin = firstIdAt(momentIn(selection.since) ?? 0);
    this.isOver = until !== undefined && until <= Date.now();
    this.#end = until === undefined ? undefined : firstIdAt(until);
  }

  /** The newest frames, oldest first. */
  async newest(count: number, signal: AbortSignal): Promise<Frame[]> {
    return this.#read({ order: "desc", limit: `${count}` }, signal);
  }

  /** The oldest frames. */
  async oldest(count: number, signal: AbortSignal): Promise<Frame[]> {
    return this.#read({ limit: `${count}` }, signal);
  }

  /** The frames before one, oldest first. */
  async before(id: string, count: number, signal: AbortSignal): Promise<Frame[]> {
    return this.#read({ order: "desc", "last-id": id, limit: `${count}` }, signal);
  }

  /** The frames after one. */
  async after(id: string, count: number, signal: AbortSignal): Promise<Frame[]> {
    return this.#read({ "last-id": id, limit: `${count}` }, signal);
  }

  /** The path of a read that follows these frames: see {@link includes}. */
  tailPath(options: Readonly<Record<string, string>>): string {
    return `/?${new URLSearchParams({ ...this.filter(), ...options })}`;
  }

  /** Whether a frame that came live is between the bounds in time. */
  includes({ id }: Frame): boolean {
    return id >= this.#begin && (this.#end === undefined || id < this.#end);
  }

  /** The path of the counts of these frames over time. @param steps how many parts that time has */
  histogramPath(steps: number): string {
    const query = { ...this.filter(), ...this.times(), steps: `${steps}` };
    return `/-/histogram?${new URLSearchParams(query)}`;
  }

  times(): Record<string, string> {
    const { since, until } = this.selection;
    return { ...(since && { since }), ...(until && { until }) };
  }

  filter(): Record<string, string> {
    const { topic, runtime } = this.selection;
    if (topic !== "") return { topic };
    return runtime ? {} : { topic: `*,!${RUNTIME_PREFIX}*` };
  }

  async #read(options: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Frame[]> {
    const query = new URLSearchParams({ ...this.filter(), ...this.times(), ...options });
    const frames = await jsonLines(await ask(`/?${query}`, { signal }), parseFrame);
    return options.order === "desc" ? frames.reverse() : frames;
  }
}
