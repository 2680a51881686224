import type { Socket, TCPSocketListener } from "bun";

/** What a proxy does with what a server sends. */
export type Filter = (bytes: Buffer) => Buffer | undefined;

interface Pair {
  readonly client: Socket<unknown>;
  server?: Socket<unknown>;
  waiting: Buffer[];
}

/** A proxy on loopback before a server of NATS, which can cut, hold back and drop. */
export class NatsProxy implements Disposable {
  readonly #listener: TCPSocketListener<unknown>;
  readonly #pairs = new Set<Pair>();
  readonly #target: number;
  /** Nobody gets through; those who come are cut off. */
  isCut = false;
  /** How long what the server sends is held back, in ms. */
  delayMs = 0;
  /** What becomes of what the server sends; undefined drops it. */
  filter: Filter = (bytes) => bytes;

  /** @param target the port of the server */
  constructor(target: number) {
    this.#target = target;
    const pairs = new Map<Socket<unknown>, Pair>();
    this.#listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (client) => {
          const pair: Pair = { client, waiting: [] };
          if (this.isCut) {
            client.end();
            return;
          }
          pairs.set(client, pair);
          this.#pairs.add(pair);
          void this.#connect(pair);
        },
        data: (client, bytes) => {
          const pair = pairs.get(client);
          if (pair?.server) write(pair.server, bytes);
          else pair?.waiting.push(Buffer.from(bytes));
        },
        drain: (client) => flush(client),
        close: (client) => this.#end(pairs.get(client)),
        error: (client) => this.#end(pairs.get(client)),
      },
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Ends all connections; new ones get through unless `isCut`. */
  cut(): void {
    for (const pair of [...this.#pairs]) this.#end(pair);
  }

  [Symbol.dispose](): void {
    this.isCut = true;
    this.cut();
    this.#listener.stop(true);
  }

  async #connect(pair: Pair): Promise<void> {
    try {
      pair.server = await Bun.connect({
        hostname: "127.0.0.1",
        port: this.#target,
        socket: {
          data: (_, bytes) => {
            // Bun takes the memory back after this call.
            const copy = Buffer.from(bytes);
            const pass = (): void => {
              const kept = this.filter(copy);
              if (kept && kept.length > 0) write(pair.client, kept);
            };
            if (this.delayMs > 0) setTimeout(pass, this.delayMs);
            else pass();
          },
          drain: (server) => flush(server),
          close: () => this.#end(pair),
          error: () => this.#end(pair),
        },
      });
      for (const bytes of pair.waiting.splice(0)) write(pair.server, bytes);
    } catch {
      this.#end(pair);
    }
  }

  #end(pair: Pair | undefined): void {
    if (!pair || !this.#pairs.delete(pair)) return;
    pair.client.terminate();
    pair.server?.terminate();
  }
}

/** What a socket could not take yet. */
const backlog = new WeakMap<Socket<unknown>, Buffer>();

function write(socket: Socket<unknown>, bytes: Uint8Array): void {
  const before = backlog.get(socket);
  if (before) {
    backlog.set(socket, Buffer.concat([before, bytes]));
    return;
  }
  const written = socket.write(bytes);
  if (written >= 0 && written < bytes.length) {
    backlog.set(socket, Buffer.from(bytes.subarray(written)));
  }
}

function flush(socket: Socket<unknown>): void {
  const bytes = backlog.get(socket);
  if (!bytes) return;
  backlog.delete(socket);
  write(socket, bytes);
}
