import { XsError } from "../../src/core/error.ts";
import { Signal } from "../../src/lib/signal.ts";
import { Fenced } from "../../src/store/journal/journal.ts";

/** The records of a journal in memory, as the machines that keep it have them. */
export class MemoryLog {
  readonly #maxRecord: number;
  readonly #records = new Map<number, Uint8Array>();
  #last = 0;
  #trimmedTo = 0;
  /** Wakes whoever follows. */
  readonly changed = new Signal();

  constructor(maxRecord: number) {
    this.#maxRecord = maxRecord;
  }

  get last(): number {
    return this.#last;
  }

  get first(): number {
    return this.after(this.#trimmedTo)?.position ?? this.#last + 1;
  }

  at(position: number): Uint8Array | undefined {
    return this.#records.get(position);
  }

  /** Compares and appends. A record takes a position for each `maxRecord` bytes, and has the last of them. @throws Fenced */
  put(expected: number, record: Uint8Array): number {
    if (expected === this.#last) {
      this.#last += Math.max(1, Math.ceil(record.length / this.#maxRecord));
      this.#records.set(this.#last, new Uint8Array(record));
      this.changed.wake();
      return this.#last;
    }
    const isPlace = expected === this.#trimmedTo || this.#records.has(expected);
    const there = isPlace ? this.after(expected) : undefined;
    if (there && Buffer.compare(there.record, record) === 0) return there.position;
    throw new Fenced(`another record is behind ${expected}, or none is there`);
  }

  /** The first record behind a position. @throws XsError `journal_trimmed` */
  after(position: number): { position: number; record: Uint8Array } | undefined {
    if (position < this.#trimmedTo) {
      throw new XsError("journal_trimmed", `the record behind ${position} was removed`);
    }
    for (let at = position + 1; at <= this.#last; at++) {
      const record = this.#records.get(at);
      if (record) return { position: at, record };
    }
    return undefined;
  }

  trim(upTo: number): void {
    for (const position of this.#records.keys()) {
      if (position > upTo) continue;
      this.#records.delete(position);
      this.#trimmedTo = Math.max(this.#trimmedTo, position);
    }
    this.changed.wake();
  }
}
