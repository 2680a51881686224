import { nextTurn } from "../../../lib/next-turn.ts";
import { isOutOfFiles } from "../../failures.ts";
import type { CheckListener, CheckResult } from "../../types.ts";

/** The problems and counts that a check has found so far, and sends to its listener. */
export class Findings {
  readonly result: CheckResult = { frames: 0, contents: 0, pairs: 0, staged: 0, problems: 0 };
  readonly #listener: CheckListener;
  #waiting: string[] = [];

  constructor(listener: CheckListener) {
    this.#listener = listener;
  }

  found(problem: string): void {
    this.result.problems++;
    // A problem may quote any bytes of a damaged row, and must be one line of text.
    this.#waiting.push(problem.replace(/\p{Cc}/gu, "\ufffd"));
  }

  /** Runs a read. Where it fails, notes a problem and returns undefined. */
  guarded<T>(name: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      // That says nothing of the store.
      if (isOutOfFiles(error)) throw error;
      this.found(`${name}: cannot be read: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** Reports the problems found, and lets other work of the server run. @throws the reason of the signal */
  async turn(): Promise<void> {
    const { signal, progress, report } = this.#listener;
    const problems = this.#waiting;
    this.#waiting = [];
    for (const problem of problems) {
      await report(problem);
      signal?.throwIfAborted();
    }
    await progress?.(this.result);
    await nextTurn();
    signal?.throwIfAborted();
  }
}
