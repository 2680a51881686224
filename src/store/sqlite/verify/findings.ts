import { nextTurn } from "../../../lib/next-turn.ts";
import { isOutOfFiles } from "../../failures.ts";
import type { CheckListener, CheckResult } from "../../types.ts";

/** What a check has found so far, on its way to whoever listens. */
export class Findings {
  readonly result: CheckResult = { frames: 0, contents: 0, pairs: 0, staged: 0, problems: 0 };
  readonly #listener: CheckListener;
  #waiting: string[] = [];

  constructor(listener: CheckListener) {
    this.#listener = listener;
  }

  found(problem: string): void {
    this.result.problems++;
    // What is quoted of a damaged row may be anything; a problem is one line of text.
    this.#waiting.push(problem.replace(/\p{Cc}/gu, "\ufffd"));
  }

  /** Runs a read; where it fails, that is a problem, and there is nothing to give. */
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

  /** Tells what was found, and gives way to everything else. @throws the reason of the signal */
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
