import { signal } from "@preact/signals";
import type { Frame } from "../../lib/frame.ts";
import { heard } from "../../lib/heard.ts";
import { follow } from "../../lib/live.ts";
import type { FrameWindow } from "./frame-window.ts";
import type { LogSource } from "./source.ts";

/** The most frames of one turn that the page takes as rows: of more, the newest. The others are reached in the log. */
const MAX_TAKEN = 400;

/**
 * The live end of a stream: it adds what comes to the window, once for each picture that the screen shows, or counts it
 * while the person pauses.
 */
export class LiveTail {
  readonly isPaused = signal(false);
  /** How many frames came since the pause began. */
  readonly waiting = signal(0);
  readonly #window: FrameWindow;
  readonly #stop: () => void;
  readonly #ready = Promise.withResolvers<void>();
  /** The lines that wait for the next picture: never more than are taken. */
  #lines: string[] = [];
  /** How many came before these, and are passed over. */
  #passed = 0;
  readonly #waitingForPicture: (() => void)[] = [];
  #turn: (() => void) | undefined;
  #newest: string | undefined;

  constructor(source: LogSource, window: FrameWindow) {
    this.#window = window;
    this.#stop = follow({
      path: source.path({ tail: "true" }),
      resume: () => {
        const last = this.#newest ?? this.#window.shown.peek().frames.at(-1)?.id;
        return source.path(last === undefined ? {} : { "last-id": last });
      },
      take: (lines) => this.#take(lines),
    });
  }

  /** Resolves once all that comes is heard: what is read afterwards has what came before. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  pause(): void {
    this.isPaused.value = true;
  }

  /** Goes on at the end. */
  async resume(): Promise<void> {
    this.isPaused.value = false;
    this.waiting.value = 0;
    if (!this.#window.shown.peek().atEnd) await this.#window.toEnd();
  }

  close(): void {
    this.#stop();
    this.#turn?.();
  }

  /** Takes lines, and waits for the picture that shows them: so a burst does not pile up in the page. */
  #take(lines: readonly string[]): Promise<void> | undefined {
    const frames = lines.filter((line) => !isSynthetic(line));
    if (frames.length < lines.length) this.#ready.resolve();
    if (frames.length === 0) return undefined;
    const all = [...this.#lines, ...frames];
    const over = Math.max(0, all.length - MAX_TAKEN);
    this.#lines = all.slice(over);
    this.#passed += over;
    return new Promise((resolve) => {
      this.#waitingForPicture.push(resolve);
      this.#turn ??= soon(() => this.#show());
    });
  }

  #show(): void {
    this.#turn = undefined;
    const frames = this.#lines.map((line) => JSON.parse(line) as Frame);
    const passed = this.#passed;
    this.#lines = [];
    this.#passed = 0;
    this.#newest = frames.at(-1)?.id ?? this.#newest;
    if (this.isPaused.peek()) {
      this.waiting.value += frames.length + passed;
      this.#window.leaveEnd();
    } else if (passed > 0) this.#window.skipTo(frames);
    else this.#window.add(frames);
    heard.value += frames.length + passed;
    for (const resolve of this.#waitingForPicture.splice(0)) resolve();
  }
}

/** Whether a line is one that the read makes: the threshold, or a pulse. */
function isSynthetic(line: string): boolean {
  return /^\{"topic":"stream\.cross\.(threshold|pulse)"/.test(line);
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
