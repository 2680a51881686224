import { expect } from "bun:test";
import type { Work } from "../../crash/work.ts";
import { isLinearizable, type Operation } from "../../history/checker.ts";
import { type PairInput, type PairOutput, pairModel } from "../../history/models.ts";
import { type Answering, ask } from "../../support/ask.ts";
import type { Random } from "../../support/random.ts";

/** So many keys at a time, each for so many calls: the search for an order grows with both. */
const KEYS = 8;
const CALLS_OF_A_KEY = 60;
const UNKNOWN_OF_A_KEY = 3;

type Call = Operation<PairInput, PairOutput>;

/** Puts, conditional puts and deletes of several writers on the same keys: some order has to explain every answer. */
export class LinearPairs implements Work {
  readonly writers = 6;
  readonly counts = { puts: 0, "puts refused": 0, deletes: 0, "of unknown outcome": 0 };
  readonly #histories = new Map<string, Call[]>();
  readonly #keys: string[] = [];
  #made = 0;
  #values = 0;

  async write(server: Answering, random: Random): Promise<void> {
    for (;;) await this.#call(server, this.#key(random), random);
  }

  async #call(server: Answering, key: string, random: Random): Promise<void> {
    const path = `/kv/${key}`;
    if (random.chance(0.15)) {
      await this.#record(key, { do: "delete" }, async () => {
        const { status, text } = await ask(server, path, { method: "DELETE" });
        expect([204, text]).toEqual([status, text]);
        this.counts.deletes++;
        return { deleted: true as const };
      });
      return;
    }
    const value = `value ${this.#values++}`;
    const known = this.#history(key).flatMap(({ output }) =>
      output && "rev" in output ? output.rev : [],
    );
    const ifMatch = random.chance(0.5) ? (known.at(-1) ?? null) : undefined;
    const headers: Record<string, string> =
      ifMatch === undefined
        ? {}
        : ifMatch === null
          ? { "if-none-match": "*" }
          : { "if-match": ifMatch };
    const input = { do: "put" as const, value, ...(ifMatch !== undefined && { ifMatch }) };
    await this.#record(key, input, async () => {
      const answer = await ask(server, path, { method: "PUT", body: value, headers });
      if (answer.status === 412) {
        this.counts["puts refused"]++;
        return { actual: (JSON.parse(answer.text) as { actual: string | null }).actual };
      }
      expect([answer.status, answer.text]).toEqual([200, answer.text]);
      this.counts.puts++;
      return { rev: answer.rev ?? "" };
    });
  }

  async #record(key: string, input: PairInput, call: () => Promise<PairOutput>): Promise<void> {
    const start = performance.now();
    let output: PairOutput | undefined;
    let end = Infinity;
    try {
      output = await call();
      end = performance.now();
    } finally {
      if (end === Infinity) this.counts["of unknown outcome"]++;
      this.#history(key).push({ start, end, input, output });
    }
  }

  /** Nobody writes any more, and all nodes are the same: what is there ends each history. */
  async check(server: Answering): Promise<void> {
    for (const [key, history] of this.#histories) {
      const start = performance.now();
      const { status, text, rev = "" } = await ask(server, `/kv/${key}`);
      const output = status === 404 ? null : { value: text, rev };
      const end = performance.now();
      const whole = [...history, { start, end, input: { do: "get" as const }, output }];
      if (isLinearizable(pairModel, whole)) continue;
      const shown = whole.map((call) => JSON.stringify(call)).join("\n");
      throw new Error(`no order explains what ${key} did:\n${shown}`);
    }
    this.#histories.clear();
    this.#keys.length = 0;
  }

  #key(random: Random): string {
    const at = random.below(KEYS);
    const key = this.#keys[at];
    if (key !== undefined && this.#isOpen(this.#history(key))) return key;
    const made = `pairs/${this.#made++}`;
    this.#keys[at] = made;
    return made;
  }

  #isOpen(history: readonly Call[]): boolean {
    const unknown = history.filter(({ end }) => end === Infinity).length;
    return history.length < CALLS_OF_A_KEY && unknown < UNKNOWN_OF_A_KEY;
  }

  #history(key: string): Call[] {
    const found = this.#histories.get(key);
    if (found) return found;
    const made: Call[] = [];
    this.#histories.set(key, made);
    return made;
  }
}
