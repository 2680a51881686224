import type { Client } from "../../client/client.ts";
import { type Frame, idInLine, linesIn, pageOf } from "../../core/frame.ts";
import { TopicFilter } from "../../core/pattern.ts";
import { wholeLines } from "../../lib/lines.ts";
import { chunksIn } from "../../net/text-body.ts";
import { forHandler } from "../../processors/handler/handler-page.ts";
import type { PastSpawn } from "../../processors/handler/past.ts";
import type { HandlerOptions } from "../../processors/lifecycle/options.ts";

/** The frames that a handler gets again, up to one of them, and what comes of them. */
export class PastRun {
  /** The state so far, as JSON text. */
  state: string | undefined;
  /** The lines of output of the frames that the handler has now. */
  lines: string[] = [];
  /** How many frames it was given. */
  count = 0;
  /** It was given the frame. */
  isThere = false;
  readonly #client: Client;
  readonly #frame: Frame;
  readonly #isOwn: (line: string, id: string) => boolean;
  /** Why the handler has not had the frame, although it is of its topics. */
  readonly #notYet: string | undefined;
  #before: string | undefined;
  /** Why the last spawn does not get the frame. */
  #whyNot = "";
  /** The id after which it goes on; `first` for the beginning. */
  #after: string | undefined;

  constructor(
    client: Client,
    frame: Frame,
    isOwn: (line: string, id: string) => boolean,
    notYet: string | undefined,
  ) {
    this.#client = client;
    this.#frame = frame;
    this.#isOwn = isOwn;
    this.#notYet = notYet;
  }

  /** Reads what a spawn gets. */
  async *framesFor(
    { frame: spawn, end }: PastSpawn,
    { start, topics }: HandlerOptions,
  ): AsyncIterableIterator<Uint8Array> {
    this.#after ??= start === "tail" ? spawn.id : start;
    if (end === undefined && !this.#maybe(topics)) return;
    const query = new URLSearchParams({ order: "arrival" });
    if (topics) query.set("topic", topics.join(","));
    if (this.#after !== "first") query.set("last-id", this.#after);
    const response = await this.#client.request(`/?${query}`);
    for await (const bytes of wholeLines(chunksIn(response))) {
      const page = forHandler(bytes, undefined, {}, this.#isOwn);
      for (const lines of page ? risingParts(linesIn(page.bytes)) : []) {
        const isOver = (id: string) => end !== undefined && id >= end;
        const at = lines.findIndex((line) => {
          const id = idInLine(line);
          return id === this.#frame.id || isOver(id);
        });
        const before = at < 0 ? lines : lines.slice(0, at);
        if (before.length > 0) yield this.#give(before);
        if (at < 0) continue;
        if (isOver(idInLine(lines[at] as string))) return;
        this.#before = this.state;
        this.isThere = true;
        yield this.#give(lines.slice(at, at + 1));
        return;
      }
    }
  }

  /** Whether the frame may be for the handler. */
  #maybe(topics: readonly string[] | undefined): boolean {
    const { topic } = this.#frame;
    if (!new TopicFilter(topics).takes(topic)) {
      this.#whyNot = `it does not get that frame ${topic}: its topics are ${topics?.join(", ")}`;
      return false;
    }
    const from = this.#after === "first" ? "the first frame" : this.#after;
    this.#whyNot = this.#notYet ?? `it began after ${from}, and that frame came before`;
    return this.#notYet === undefined;
  }

  #give(lines: readonly string[]): Uint8Array {
    this.lines = [];
    this.count += lines.length;
    this.#after = idInLine(lines.at(-1) as string);
    return pageOf(lines);
  }

  /** Why it failed on a frame. */
  get failure(): string | undefined {
    const failed = this.lines
      .filter((line) => line.startsWith('{"error"'))
      .map((line) => JSON.parse(line) as { error: string; frame_id: string })
      .at(-1);
    return failed && `it fails on the frame ${failed.frame_id}: ${failed.error}`;
  }

  /** Why it was not given the frame. */
  get whyNot(): string {
    return this.#whyNot;
  }

  /** The state before the frame and after it, and the output for it, as a line of JSON. */
  answer(): string {
    const errors = this.lines.filter((line) => line.startsWith('{"error"'));
    const out = this.lines.filter((line) => !line.startsWith('{"error"'));
    const members = [
      ...(this.#before === undefined ? [] : [`"before":${this.#before}`]),
      ...(this.state === undefined ? [] : [`"after":${this.state}`]),
      ...(out.length === 0 ? [] : [`"out":[${out.join(",")}]`]),
      ...errors.map((line) => {
        const { error } = JSON.parse(line) as { error: string };
        return `"error":${JSON.stringify(error)}`;
      }),
    ];
    return `{${members.join(",")}}`;
  }
}

/** Splits lines where an id is lower than the one before: a late frame begins another part. */
function risingParts(lines: readonly string[]): string[][] {
  const parts: string[][] = [];
  let last = "";
  for (const line of lines) {
    const id = idInLine(line);
    if (id > last && parts.length > 0) parts.at(-1)?.push(line);
    else parts.push([line]);
    last = id;
  }
  return parts;
}
