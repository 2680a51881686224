import { signal } from "@preact/signals";
import { ask, askJson, isAbort, Problem } from "../../lib/ask.ts";
import type { Frame } from "../../lib/frame.ts";
import { jsonLines } from "../../lib/lines.ts";
import type { Processor } from "./processor.ts";
import type { Processors } from "./processors.ts";

/** How many lines come at once, of how many frames that are read: other processors have the same topics. */
const PART = 200;
const PAGE = 500;
const MAX_PAGES = 6;
/** The most lines in the page. */
const MAX_LINES = 2000;
/** The most characters of a line that the page keeps: it shows fewer. */
const MAX_CHARACTERS = 4000;
/** Lines that come live are shown together, in ms. */
const GATHER_MS = 100;
const EVENTS = "active invalid restarting finished failed terminated replaced stopped".split(" ");
/** Below every id. */
const BEGINNING = "0".repeat(25);

/** The newest lines of what a processor wrote on stderr, its failures, and what became of it; live. */
export class Log {
  /** The oldest first. */
  readonly shown = signal<readonly Frame[] | undefined>(undefined);
  readonly error = signal<unknown>(undefined);
  /** There may be lines before the first. */
  readonly hasMore = signal(true);
  readonly isLoading = signal(false);
  /** The person looks at the newest lines; else older ones stay, within bounds, while new ones come. */
  isAtEnd = true;
  readonly #processors: Processors;
  readonly #kind: Processor["kind"];
  readonly #name: string;
  readonly #ending = new AbortController();
  /** By the id of a spawn: whether it is one of this processor. A generator and a handler may have one name. */
  readonly #spawns = new Map<string, Promise<boolean>>();
  /** Up to here the frames before were read. */
  #oldest: string | undefined;
  #come: Frame[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(processors: Processors, { kind, name, spawn_id }: Processor) {
    this.#processors = processors;
    this.#kind = kind;
    this.#name = name;
    this.#spawns.set(spawn_id, Promise.resolve(true));
  }

  /** Reads the newest lines, then takes those that come. */
  async begin(): Promise<void> {
    const newest = await this.more();
    if (this.#ending.signal.aborted) return;
    this.#processors.listen({
      topics: this.#ownTopics(),
      after: newest ?? BEGINNING,
      take: (frame) => this.#take(frame),
    });
  }

  /** Reads older lines. @returns the id of the newest frame among them, of whichever processor */
  async more(): Promise<string | undefined> {
    if (this.isLoading.peek() || !this.hasMore.peek()) return undefined;
    this.isLoading.value = true;
    this.error.value = undefined;
    let newest: string | undefined;
    const found: Frame[] = [];
    try {
      for (let page = 0; page < MAX_PAGES && found.length < PART && this.hasMore.peek(); page++) {
        const frames = await this.#older();
        newest ??= frames[0]?.id;
        const isFull = (this.shown.peek()?.length ?? 0) + found.length + PAGE > MAX_LINES;
        this.hasMore.value = frames.length === PAGE && !isFull;
        for (const frame of frames) {
          if (await this.#isMine(frame)) found.push(shortened(frame));
          this.#oldest = frame.id;
        }
      }
    } catch (error) {
      if (!isAbort(error)) this.error.value = error;
    }
    this.isLoading.value = false;
    // Lines that were read before a failure stay.
    if (found.length > 0 || this.error.peek() === undefined)
      this.shown.value = [...found.reverse(), ...(this.shown.peek() ?? [])];
    return newest;
  }

  close(): void {
    this.#ending.abort();
    clearTimeout(this.#timer);
    this.#processors.listen(undefined);
  }

  #older(): Promise<Frame[]> {
    const events = EVENTS.map((event) => `stream.cross.${this.#kind}.${event}`);
    const query = new URLSearchParams({
      topic: [...events, ...this.#ownTopics()].join(","),
      order: "desc",
      limit: `${PAGE}`,
      content: "inline",
    });
    if (this.#oldest) query.set("last-id", this.#oldest);
    const { signal } = this.#ending;
    return ask(`/?${query}`, { signal }).then((response) => jsonLines<Frame>(response));
  }

  #ownTopics(): string[] {
    const stderr = `${this.#name}.stderr`;
    return this.#kind === "handler" ? [stderr, `${this.#name}.error`] : [stderr];
  }

  #take(frame: Frame): void {
    this.#come.push(shortened(frame));
    // Of a burst only the newest would stay.
    if (this.#come.length > 2 * MAX_LINES) this.#come = this.#come.slice(-MAX_LINES);
    this.#timer ??= setTimeout(() => void this.#show(), GATHER_MS);
  }

  async #show(): Promise<void> {
    const come = this.#come;
    this.#come = [];
    this.#timer = undefined;
    const mine = await Promise.all(come.map((frame) => this.#isMine(frame).catch(() => false)));
    const before = this.shown.peek() ?? [];
    const all = [...before, ...come.filter((_, at) => mine[at])];
    const most = this.isAtEnd ? MAX_LINES : 2 * MAX_LINES;
    // Those before the first line are not the next older ones any more.
    if (all.length > most) this.hasMore.value = false;
    this.shown.value = all.slice(-most);
  }

  async #isMine({ topic, meta }: Frame): Promise<boolean> {
    const { topic: of, spawn_id, handler_id } = Object(meta) as Record<string, unknown>;
    if (topic === `${this.#name}.error`) return typeof handler_id === "string";
    if (typeof spawn_id !== "string") return false;
    if (topic !== `${this.#name}.stderr`) {
      const isIt = of === this.#name && topic.startsWith(`stream.cross.${this.#kind}.`);
      if (isIt) this.#spawns.set(spawn_id, Promise.resolve(true));
      return isIt;
    }
    const known = this.#spawns.get(spawn_id) ?? this.#isSpawnOfMine(spawn_id);
    this.#spawns.set(spawn_id, known);
    return known;
  }

  async #isSpawnOfMine(id: string): Promise<boolean> {
    try {
      const path = `/${encodeURIComponent(id)}`;
      const { topic } = await askJson<Frame>(path, this.#ending.signal);
      return (topic === "stream.cross.handler.spawn") === (this.#kind === "handler");
    } catch (error) {
      // A spawn that is gone may have been one of this processor.
      if (error instanceof Problem && error.status >= 400 && error.status < 500) return true;
      throw error;
    }
  }
}

function shortened(frame: Frame): Frame {
  const { content } = frame;
  if (content === undefined || content.length <= MAX_CHARACTERS) return frame;
  return { ...frame, content: content.slice(0, MAX_CHARACTERS) };
}
