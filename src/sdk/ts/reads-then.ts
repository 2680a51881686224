import { XsError } from "../../core/error.ts";
import { parseId, successor } from "../../core/id.ts";
import type { Ask } from "../../net/http-client.ts";
import { checkFrameOptions, Reads, textOf } from "./reads.ts";

/** Options of `cat` that are for what comes. */
const LIVE = ["follow", "pulse", "tail", "wait"] as const;

/** The log up to a frame, for a script that handles the frame again: later ones were not there yet. */
export class ReadsThen extends Reads {
  readonly #newest: string;

  /** @param newest the id of the frame */
  constructor(ask: Ask, newest: string) {
    super(ask);
    this.#newest = newest;
  }

  override async get(id: string, options?: XsFrameOptions): Promise<XsFrame | undefined> {
    return parseId(textOf(id, "id")) > this.#newest ? undefined : super.get(id, options);
  }

  override async first(topic?: string, options?: XsFrameOptions): Promise<XsFrame | undefined> {
    const frame = await super.first(topic, options);
    return frame && frame.id > this.#newest ? undefined : frame;
  }

  override async last(topic?: string, options: XsFrameOptions = {}): Promise<XsFrame | undefined> {
    checkFrameOptions(options, "last");
    const newest = { ...options, last: 1, ...(topic !== undefined && { topic }) };
    for await (const frame of this.cat(newest)) return frame;
    return undefined;
  }

  override async *cat(options: XsReadOptions = {}): AsyncIterableIterator<XsFrame> {
    for (const name of LIVE) {
      if (options[name] === undefined || options[name] === false) continue;
      throw new XsError("bad_option", `the log of then has nothing to come: leave ${name} out`);
    }
    const { last, lastId, order = "asc" } = options;
    if (last !== undefined) {
      const { last: _, lastId: after = "", from = "", ...rest } = options;
      const found: XsFrame[] = [];
      for await (const frame of this.cat({ ...rest, order: "desc", limit: last })) {
        if (frame.id <= after || frame.id < from) break;
        found.push(frame);
      }
      yield* found.reverse();
      return;
    }
    if (order === "desc") {
      const end = successor(this.#newest);
      yield* super.cat({ ...options, lastId: lastId !== undefined && lastId < end ? lastId : end });
      return;
    }
    for await (const frame of super.cat(options)) {
      if (frame.id > this.#newest) return;
      yield frame;
    }
  }
}
