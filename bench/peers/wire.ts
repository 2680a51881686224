/** Where a server listens. */
export type Place = { unix: string } | { hostname: string; port: number };

/** A connection whose bytes a parser takes: it gives how many of them it is done with. */
export class Wire {
  #socket: Awaited<ReturnType<typeof Bun.connect>> | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #unsent: Buffer[] = [];
  readonly #parse: (bytes: Buffer) => number;

  private constructor(parse: (bytes: Buffer) => number) {
    this.#parse = parse;
  }

  static async open(place: Place, parse: (bytes: Buffer) => number): Promise<Wire> {
    const wire = new Wire(parse);
    const socket = {
      data: (_: unknown, bytes: Buffer) => wire.#receive(bytes),
      drain: () => wire.#flush(),
      error: (_: unknown, error: Error) => fail(error),
    };
    wire.#socket =
      "unix" in place
        ? await Bun.connect({ unix: place.unix, socket })
        : await Bun.connect({ ...place, socket });
    return wire;
  }

  send(...pieces: (string | Buffer)[]): void {
    const bytes = pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece) : piece));
    this.#unsent.push(bytes.length === 1 ? (bytes[0] as Buffer) : Buffer.concat(bytes));
    this.#flush();
  }

  close(): void {
    this.#socket?.end();
  }

  #flush(): void {
    for (let next = this.#unsent[0]; next; next = this.#unsent[0]) {
      const sent = Math.max(0, this.#socket?.write(next) ?? 0);
      if (sent < next.length) {
        this.#unsent[0] = next.subarray(sent);
        return;
      }
      this.#unsent.shift();
    }
  }

  #receive(bytes: Buffer): void {
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    const done = this.#parse(all);
    // The socket may use its buffer again, so what is kept is copied.
    this.#rest = done < all.length ? Buffer.from(all.subarray(done)) : Buffer.alloc(0);
  }
}

function fail(error: Error): void {
  console.error(`peer: ${error.message}`);
  process.exit(1);
}
