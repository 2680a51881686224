import { LogThrottle, oneLine } from "../../core/one-line.ts";
import type { Retry } from "../handler/retry.ts";
import type { Subject } from "./answers.ts";

/** Reports failures of processors to the person who runs the server: one line of stderr each. */
export class Complaints {
  readonly #throttle = new LogThrottle();

  /** Reports a handler that goes on after a failure on a frame. Not every one: a sender of frames could fill stderr. */
  skipped({ kind, name }: Subject, reason: string): void {
    const untold = this.#throttle.admit();
    if (untold === undefined) return;
    const more = untold > 0 ? ` (and ${untold} more, see ${name}.error)` : "";
    this.#say(`${kind} ${name} failed on a frame and goes on${more}: ${reason}`);
  }

  /** Reports a handler that tries a frame again. */
  retrying({ kind, name }: Subject, { at, reason = "" }: Retry): void {
    const untold = this.#throttle.admit();
    if (untold === undefined) return;
    const more = untold > 0 ? ` (and ${untold} more)` : "";
    const wait = `${Math.round((at - Date.now()) / 1000)} s`;
    this.#say(`${kind} ${name} failed on a frame and tries it again in ${wait}${more}: ${reason}`);
  }

  #say(text: string): void {
    process.stderr.write(`xs: ${oneLine(text)}\n`);
  }
}
