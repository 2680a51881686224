import { visible } from "./visible.ts";

/** The longest line, in UTF-16 units. */
const MAX_LINE_LENGTH = 300;

/** Makes a text one line that is safe on a terminal: control characters from outside are shown, not obeyed. */
export function oneLine(text: string): string {
  const shown = visible(text.replaceAll(/\s+/g, " ")).trim();
  return shown.length > MAX_LINE_LENGTH ? `${shown.slice(0, MAX_LINE_LENGTH)}…` : shown;
}

/** The least time between two lines of the same kind, in ms. */
const MIN_INTERVAL_MS = 1000;

/** Limits how often the server logs a kind of line, when a client could cause any number of them. */
export class LogThrottle {
  readonly #intervalMs: number;
  #next = 0;
  #suppressed = 0;

  constructor(intervalMs = MIN_INTERVAL_MS) {
    this.#intervalMs = intervalMs;
  }

  /** Returns how many lines were suppressed since the last logged one; undefined if this one must be suppressed. */
  admit(): number | undefined {
    const now = performance.now();
    if (now < this.#next) {
      this.#suppressed++;
      return undefined;
    }
    this.#next = now + this.#intervalMs;
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    return suppressed;
  }
}
