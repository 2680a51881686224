import { ask } from "../../lib/ask.ts";
import { type Frame, RUNTIME_PREFIX } from "../../lib/frame.ts";
import { jsonLines } from "../../lib/lines.ts";

/** Which frames the stream shows. */
export interface Selection {
  /** A pattern, or a list of them; empty for all. */
  readonly topic: string;
  /** Bounds in time, as the API takes them; empty for none. */
  readonly since: string;
  readonly until: string;
  /** The runtime's frames too, where no topic is given. */
  readonly runtime: boolean;
}

/** Reads the frames of a selection, a bounded part at a time. */
export class LogSource {
  readonly selection: Selection;

  constructor(selection: Selection) {
    this.selection = selection;
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

  /** The path of a read of these frames, for one that follows. */
  path(options: Readonly<Record<string, string>>): string {
    return `/?${new URLSearchParams({ ...this.#filter(), ...options })}`;
  }

  /** The path of the counts of these frames over time. @param steps how many parts that time has */
  histogramPath(steps: number): string {
    const query = { ...this.#filter(), ...this.#times(), steps: `${steps}` };
    return `/-/histogram?${new URLSearchParams(query)}`;
  }

  async #read(options: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Frame[]> {
    const frames = await jsonLines<Frame>(
      await ask(this.path({ ...this.#times(), ...options }), { signal }),
    );
    return options.order === "desc" ? frames.reverse() : frames;
  }

  #times(): Record<string, string> {
    const { since, until } = this.selection;
    return { ...(since && { since }), ...(until && { until }) };
  }

  #filter(): Record<string, string> {
    const { topic, runtime } = this.selection;
    if (topic !== "") return { topic };
    return runtime ? {} : { topic: `*,!${RUNTIME_PREFIX}*` };
  }
}
