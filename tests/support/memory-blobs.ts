import { XsError } from "../../src/core/error.ts";
import { streamOf } from "../../src/lib/streams.ts";
import type { BlobInfo, Blobs } from "../../src/store/journal/journal.ts";
import type { MemoryLink } from "./memory-link.ts";

/** Bytes of one piece of a stream. */
const PIECE = 64 * 1024;

export interface KeptBlob {
  readonly bytes: Uint8Array;
  readonly ms: number;
}

/** The blobs of one node: those that all nodes share, behind the link of this one. */
export class MemoryBlobs implements Blobs {
  /** The streams of these names fail midway. */
  readonly damaged = new Set<string>();
  readonly #kept: Map<string, KeptBlob>;
  readonly #link: MemoryLink;
  readonly #deadlineMs: number;

  constructor(kept: Map<string, KeptBlob>, link: MemoryLink, deadlineMs: number) {
    this.#kept = kept;
    this.#link = link;
    this.#deadlineMs = deadlineMs;
  }

  async put(name: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const pieces: Uint8Array[] = [];
    for await (const piece of bytes) {
      const copy = new Uint8Array(piece);
      await this.#request(() => pieces.push(copy));
    }
    await this.#request(() => {
      this.#kept.set(name, { bytes: Buffer.concat(pieces), ms: Date.now() });
    });
  }

  async open(name: string): Promise<ReadableStream<Uint8Array> | undefined> {
    const kept = await this.#request(() => this.#kept.get(name));
    return kept && streamOf(this.#pieces(name, kept));
  }

  delete(name: string): Promise<void> {
    return this.#request(() => {
      this.#kept.delete(name);
    });
  }

  async *list(prefix: string): AsyncGenerator<BlobInfo> {
    const all = await this.#request(() => [...this.#kept]);
    for (const [name, { bytes, ms }] of all) {
      if (name.startsWith(prefix)) yield { name, size: bytes.length, ms };
    }
  }

  async *#pieces(name: string, { bytes }: KeptBlob): AsyncGenerator<Uint8Array> {
    const size = this.damaged.has(name) ? Math.floor(bytes.length / 2) : bytes.length;
    for (let at = 0; at < size; at += PIECE) {
      yield await this.#request(
        () => new Uint8Array(bytes.subarray(at, Math.min(at + PIECE, size))),
      );
    }
    if (size < bytes.length) throw new XsError("journal_damaged", `the blob ${name} is damaged`);
  }

  #request<T>(act: () => T): Promise<T> {
    return this.#link.request(this.#deadlineMs, act);
  }
}
