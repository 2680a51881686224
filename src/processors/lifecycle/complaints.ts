import { LogThrottle, oneLine } from "../../core/one-line.ts";
import type { Subject } from "./answers.ts";

/** Tells whoever started the server what goes wrong with its processors: a line each, on stderr. */
export class Complaints {
  readonly #throttle = new LogThrottle();

  /** It has failed, and does not run again. */
  failed({ kind, name }: Subject, reason: string): void {
    this.#say(`${kind} ${name} has failed and runs no more: ${reason}`);
  }

  /** It has failed on a frame and goes on. Whoever sends frames decides how many of these there are. */
  skipped({ kind, name }: Subject, reason: string): void {
    const untold = this.#throttle.admit();
    if (untold === undefined) return;
    const more = untold > 0 ? ` (and ${untold} more, see ${name}.error)` : "";
    this.#say(`${kind} ${name} failed on a frame and goes on${more}: ${reason}`);
  }

  #say(text: string): void {
    process.stderr.write(`xs: ${oneLine(text)}\n`);
  }
}
