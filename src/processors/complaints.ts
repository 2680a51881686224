import type { Subject } from "./lifecycle.ts";

/** Longest line, in characters; the whole reason is on the stream. */
const MOST = 300;
/** So much time lies between two lines about frames that one handler passes over, in ms. */
const PAUSE_MS = 1000;

/** Tells whoever started the server what goes wrong with its processors: a line each, on stderr. */
export class Complaints {
  #next = 0;
  #untold = 0;

  /** It has failed, and does not run again. */
  failed({ kind, name }: Subject, reason: string): void {
    this.#say(`${kind} ${name} has failed and runs no more: ${reason}`);
  }

  /** It has failed on a frame and goes on. Whoever sends frames decides how many of these there are. */
  skipped({ kind, name }: Subject, reason: string): void {
    const now = performance.now();
    if (now < this.#next) {
      this.#untold++;
      return;
    }
    this.#next = now + PAUSE_MS;
    const more = this.#untold > 0 ? ` (and ${this.#untold} more, see ${name}.error)` : "";
    this.#untold = 0;
    this.#say(`${kind} ${name} failed on a frame and goes on${more}: ${reason}`);
  }

  #say(text: string): void {
    process.stderr.write(`xs: ${oneLine(text)}\n`);
  }
}

/** What came from outside is shown, not obeyed by the terminal. */
function oneLine(text: string): string {
  const shown = text
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`)
    .trim();
  return shown.length > MOST ? `${shown.slice(0, MOST)}…` : shown;
}
