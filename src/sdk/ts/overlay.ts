import { compareKeys } from "../../core/key.ts";

/** A value of the k/v store as bytes; undefined for a deleted key. */
export type WrittenValue = { readonly bytes: Uint8Array; readonly type: string } | undefined;

/** The write of a frame to a key. */
interface Written {
  readonly id: string;
  readonly value: WrittenValue;
  /** The earlier write of a frame that is done: it applies again if this frame fails. */
  readonly before: Written | undefined;
}

/** The entries that a handler wrote and the server has not committed yet. Reads of the script see them. */
export class Overlay {
  readonly #written = new Map<string, Written>();

  /** Returns the uncommitted write to a key; undefined if there is none. */
  get(key: string): { readonly value: WrittenValue } | undefined {
    return this.#written.get(key);
  }

  /** The uncommitted writes to the keys that begin with a prefix, in the order of the keys. */
  below(prefix: string): [key: string, value: WrittenValue][] {
    const found: [string, WrittenValue][] = [];
    for (const [key, { value }] of this.#written) {
      if (key.startsWith(prefix)) found.push([key, value]);
    }
    return found.sort(([a], [b]) => compareKeys(a, b));
  }

  /** Notes a write of the frame `id`. @param done the last frame that is done */
  set(id: string, key: string, value: WrittenValue, done: string): void {
    const known = this.#written.get(key);
    const before = known && known.id <= done ? known : known?.before;
    this.#written.set(key, { id, value, before: before && { ...before, before: undefined } });
  }

  /** Drops the writes of all frames up to an id: the store has them now. */
  committed(id: string): void {
    for (const [key, written] of this.#written) if (written.id <= id) this.#written.delete(key);
  }

  /** Drops the writes of a failed frame. */
  forget(id: string): void {
    for (const [key, written] of this.#written) {
      if (written.id !== id) continue;
      if (written.before) this.#written.set(key, written.before);
      else this.#written.delete(key);
    }
  }
}

/** Lists the entries of the store with uncommitted writes in their place. Both are in the order of their keys. */
export async function* listWith(
  written: readonly (readonly [key: string, value: WrittenValue])[],
  stored: AsyncIterable<XsEntry>,
): AsyncIterableIterator<XsEntry> {
  let at = 0;
  for await (const entry of stored) {
    for (; at < written.length; at++) {
      const [key, value] = written[at] as (typeof written)[number];
      if (compareKeys(key, entry.key) > 0) break;
      if (value) yield entryOf(key, value);
    }
    if (written[at - 1]?.[0] !== entry.key) yield entry;
  }
  for (const [key, value] of written.slice(at)) if (value) yield entryOf(key, value);
}

function entryOf(key: string, { bytes, type }: NonNullable<WrittenValue>): XsEntry {
  return { key, size: bytes.length, type };
}
