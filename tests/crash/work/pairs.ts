import { expect } from "bun:test";
import { type Answering, ask, askFor } from "../../support/ask.ts";
import type { Random } from "../../support/random.ts";
import type { Work } from "../work.ts";

const KEYS_OF_A_WRITER = 4;

/** A pair as far as its writer knows: the value that was acknowledged, and one that may be there. */
interface Known {
  /** Null for none. */
  value: string | null;
  /** The newest revision that was acknowledged, also of a removal. */
  rev: string;
  /** What was asked for last, while it is not acknowledged. */
  pending?: string | null;
}

/** Puts, conditional puts and deletes, each writer on keys of its own. */
export class Pairs implements Work {
  readonly writers = 14;
  readonly counts = { puts: 0, deletes: 0 };
  readonly #pairs = new Map<string, Known>();
  #next = 0;

  async write(server: Answering, random: Random, writer: number): Promise<void> {
    for (;;) {
      const key = `crash/${writer}/${random.below(KEYS_OF_A_WRITER)}`;
      const known = this.#pairs.get(key) ?? { value: null, rev: "" };
      this.#pairs.set(key, known);
      if (random.chance(0.2)) await this.#delete(server, key, known);
      else await this.#put(server, key, known, random);
    }
  }

  async #put(server: Answering, key: string, known: Known, random: Random): Promise<void> {
    const value = `value ${this.#next++} `.repeat(1 + random.below(200));
    known.pending = value;
    const conditional = known.value !== null && random.chance(0.5);
    const { rev = "" } = await askFor(server, `/kv/${key}`, {
      method: "PUT",
      body: value,
      ...(conditional && { headers: { "if-match": known.rev } }),
    });
    expect(rev > known.rev).toBe(true);
    this.#pairs.set(key, { value, rev });
    this.counts.puts++;
  }

  async #delete(server: Answering, key: string, known: Known): Promise<void> {
    known.pending = null;
    const { rev = known.rev } = await askFor(server, `/kv/${key}`, { method: "DELETE" });
    this.#pairs.set(key, { value: null, rev });
    this.counts.deletes++;
  }

  async check(server: Answering): Promise<void> {
    for (const [key, { value, rev, pending }] of this.#pairs) {
      const found = await ask(server, `/kv/${key}`);
      const now = found.status === 404 ? null : found.text;
      const possible = pending === undefined ? [value] : [value, pending];
      expect([key, found.status, possible.includes(now)]).toEqual([key, found.status, true]);
      if (now === value && value !== null) expect(found.rev).toBe(rev);
      else if (found.rev !== undefined) expect(found.rev > rev).toBe(true);
      this.#pairs.set(key, { value: now, rev: found.rev ?? rev });
    }
  }
}
