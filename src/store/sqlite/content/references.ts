import { hashesIn } from "../../../core/hash.ts";

/**
 * What the writers tell a collection that runs: the references that they write, and those that go. Its scan sees the
 * store as it was when it began.
 */
export class References {
  #unnamed: Set<string> | undefined;
  readonly #lost = new Set<string>();

  /** Begins a scan for references to these. Returns those to which none is known, a set that shrinks until {@link end}. */
  begin(hashes: Iterable<string>): ReadonlySet<string> {
    this.#unnamed = new Set(hashes);
    return this.#unnamed;
  }

  /** Ends the scan. */
  end(): void {
    this.#unnamed = undefined;
    this.#lost.clear();
  }

  /** Notes a text that may refer to content: the scan has read it, or it is written now. */
  note(text: string | Uint8Array): void {
    if (!this.#unnamed) return;
    const found =
      typeof text === "string"
        ? text
        : Buffer.from(text.buffer, text.byteOffset, text.length).toString("latin1");
    for (const hash of hashesIn(found)) this.#unnamed.delete(hash);
  }

  /** Notes the hashes to which a removed frame or entry referred. */
  noteLost(hashes: readonly string[]): void {
    if (this.#unnamed) for (const hash of hashes) this.#lost.add(hash);
  }

  /** Whether a hash lost a reference since the scan began: the scan may have seen that reference. */
  hasLost(hash: string): boolean {
    return this.#lost.has(hash);
  }
}
