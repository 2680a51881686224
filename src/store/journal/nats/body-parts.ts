/** What a part starts with: its number, and how many there are. */
const HEAD = 8;
/** How many parts may be unconfirmed: a server drops a client that lags far behind. */
const UNCONFIRMED = 4;
/** Up to which size bodies are taken, in bytes. */
const MAX_BODY = 80 * 1_048_576;
/** How long the parts of a body are kept while others are missing, in ms. */
export const KEEP_MS = 60_000;

/** Sends a body in parts, some ahead of their confirmation. */
export class Sender {
  readonly #body: Uint8Array;
  readonly #size: number;
  readonly #count: number;
  #sent = 0;
  #confirmed = 0;

  /** @param size of a part, in bytes */
  constructor(body: Uint8Array, size: number) {
    this.#body = body;
    this.#size = size - HEAD;
    this.#count = Math.max(1, Math.ceil(body.length / this.#size));
  }

  get isOnePart(): boolean {
    return this.#count === 1;
  }

  get isConfirmed(): boolean {
    return this.#confirmed >= this.#count;
  }

  start(send: (part: Uint8Array) => void): void {
    while (this.#sent < Math.min(UNCONFIRMED, this.#count)) send(this.#next());
  }

  confirm(send: (part: Uint8Array) => void): void {
    this.#confirmed++;
    if (this.#sent < this.#count) send(this.#next());
  }

  /** Sends all parts at once; nobody confirms them. */
  sendAll(send: (part: Uint8Array) => void): void {
    while (this.#sent < this.#count) send(this.#next());
  }

  #next(): Uint8Array {
    const at = this.#sent++;
    const bytes = this.#body.subarray(at * this.#size, (at + 1) * this.#size);
    const part = new Uint8Array(HEAD + bytes.length);
    const view = new DataView(part.buffer);
    view.setUint32(0, at);
    view.setUint32(4, this.#count);
    part.set(bytes, HEAD);
    return part;
  }
}

/** Puts a body together. One with a part missing is never whole. */
export class Collector {
  readonly #done: (body: Uint8Array) => void;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(done: (body: Uint8Array) => void) {
    this.#done = done;
  }

  take(part: Uint8Array): void {
    if (part.length < HEAD || numberAt(part, 0) !== this.#parts.length) return;
    this.#bytes += part.length - HEAD;
    if (this.#bytes > MAX_BODY) return;
    this.#parts.push(part.subarray(HEAD));
    if (this.#parts.length < countOf(part)) return;
    const [only] = this.#parts;
    const body = only && this.#parts.length === 1 ? only : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#done(body);
  }
}

/** The bodies of which parts are missing. */
export class OpenBodies {
  readonly #open = new Map<string, Collector>();

  /** Takes a part of the body with a name, and calls `done` with the body where it is the last. */
  take(name: string, part: Uint8Array, done: (body: Uint8Array) => void): void {
    let collector = this.#open.get(name);
    if (!collector) {
      const forget = setTimeout(() => this.#open.delete(name), KEEP_MS);
      collector = new Collector((body) => {
        clearTimeout(forget);
        this.#open.delete(name);
        done(body);
      });
      this.#open.set(name, collector);
    }
    collector.take(part);
  }
}

/** Of how many parts this is one. */
export function countOf(part: Uint8Array): number {
  return numberAt(part, 4);
}

/** The 32 bits at a place; of what came from elsewhere, which may be short. */
function numberAt(bytes: Uint8Array, at: number): number {
  if (bytes.length < at + 4) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at);
}
