import type { MemoryLog } from "./memory-log.ts";

/** What one node is shown instead of the records of its journal, which notices nothing. The other nodes see them as they are. */
export class MemoryDamage {
  readonly #log: MemoryLog;
  readonly #shown = new Map<number, () => Uint8Array | undefined>();

  constructor(log: MemoryLog) {
    this.#log = log;
  }

  /** The record at a position, as this node is shown it. It need not be there yet. */
  shown(position: number): Uint8Array | undefined {
    const shown = this.#shown.get(position) ?? (() => this.#log.at(position));
    const record = shown();
    return record && new Uint8Array(record);
  }

  /** The record is left out. */
  skip(position: number): void {
    this.#shown.set(position, () => undefined);
  }

  /** A bit of it is flipped. */
  alter(position: number, bit: number): void {
    this.#change(position, (record) => {
      const at = (bit >>> 3) % record.length;
      record[at] = (record[at] as number) ^ (1 << (bit & 7));
      return record;
    });
  }

  /** Only its first bytes are there. */
  truncate(position: number, size: number): void {
    this.#change(position, (record) => record.subarray(0, size));
  }

  /** Another record stands in its place. */
  forge(position: number, record: Uint8Array): void {
    this.#shown.set(position, () => record);
  }

  /** Two records are in each other's place. */
  swap(one: number, other: number): void {
    this.#shown.set(one, () => this.#log.at(other));
    this.#shown.set(other, () => this.#log.at(one));
  }

  /** From here on the records are shown as they are. */
  repair(): void {
    this.#shown.clear();
  }

  #change(position: number, change: (record: Uint8Array) => Uint8Array): void {
    this.#shown.set(position, () => {
      const record = this.#log.at(position);
      return record && change(new Uint8Array(record));
    });
  }
}
