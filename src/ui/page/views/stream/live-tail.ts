import { parseFrame } from "../../lib/frame.ts";
import { heard } from "../../lib/heard.ts";
import { follow } from "../../lib/live.ts";
import { type FrameWindow, MAX_KEPT } from "./frame-window.ts";
import type { LogSource } from "./source.ts";

/** The most lines of one picture: of more, the read waits. */
const MAX_LINES = 5000;

/**
 * The live end of a stream: it hands what comes to the window, once for each picture that the screen shows.
 */
export class LiveTail {
  readonly #source: LogSource;
  readonly #window: FrameWindow;
  readonly #stop: () => void;
  readonly #ready = Promise.withResolvers<void>();
  /** The lines that wait for the next picture: never more than the window keeps. */
  #lines: string[] = [];
  /** How many came before these, and are passed over. */
  #passed = 0;
  readonly #waitingForPicture: (() => void)[] = [];
  #turn: (() => void) | undefined;
  /** The id of the last line, in the order of arrival. */
  #last: string | undefined;

  constructor(source: LogSource, window: FrameWindow) {
    this.#source = source;
    this.#window = window;
    const begin = source.tailPath({ tail: "true" });
    this.#stop = follow({
      path: begin,
      resume: () => {
        const last = this.#last;
        return last === undefined ? begin : source.tailPath({ "last-id": last });
      },
      take: (lines) => this.#take(lines),
    });
  }

  /** Resolves once all that comes is heard: what is read afterwards has what came before. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  close(): void {
    this.#stop();
    this.#turn?.();
    for (const resolve of this.#waitingForPicture.splice(0)) resolve();
  }

  /** Takes lines; of many it waits for the picture that shows them, so a burst does not pile up in the page. */
  #take(lines: readonly string[]): Promise<void> | undefined {
    this.#last = idIn(lines.at(-1) ?? "") ?? this.#last;
    const frames = lines.filter((line) => !isSynthetic(line));
    if (frames.length < lines.length) this.#ready.resolve();
    if (frames.length === 0) return undefined;
    const all = this.#lines.concat(frames);
    const over = Math.max(0, all.length - MAX_KEPT);
    this.#lines = over === 0 ? all : all.slice(over);
    this.#passed += over;
    this.#turn ??= soon(() => this.#show());
    if (this.#passed + this.#lines.length < MAX_LINES) return undefined;
    return new Promise((resolve) => this.#waitingForPicture.push(resolve));
  }

  #show(): void {
    this.#turn = undefined;
    const frames = this.#lines.map(parseFrame).filter((frame) => this.#source.includes(frame));
    const passed = this.#passed;
    this.#lines = [];
    this.#passed = 0;
    this.#window.come(frames, passed);
    heard.value += frames.length + passed;
    for (const resolve of this.#waitingForPicture.splice(0)) resolve();
  }
}

/** Whether a line is one that the read makes: the threshold, or a pulse. */
function isSynthetic(line: string): boolean {
  return /^\{"topic":"stream\.cross\.(threshold|pulse)"/.test(line);
}

function idIn(line: string): string | undefined {
  return /^\{"topic":"[^"]*","id":"([0-9a-z]{25})"/.exec(line)?.[1];
}

/** Calls before the next picture, or soon where the page is hidden: the browser draws none then. */
function soon(call: () => void): () => void {
  if (document.hidden) {
    const timer = setTimeout(call, 250);
    return () => clearTimeout(timer);
  }
  const turn = requestAnimationFrame(call);
  return () => cancelAnimationFrame(turn);
}
