import type { Socket, TCPSocketListener } from "bun";

/** What becomes of a message of the protocol that a server sends, such as `MSG …`; undefined drops it. */
export type Filter = (message: Buffer) => Buffer | undefined;

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
  filter: Filter = (message) => message;
  /** As a process that is stopped: connections stay, and nothing is read from them. */
  #isFrozen = false;

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
          if (this.#isFrozen) {
            client.pause();
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

  /** How many connections go through it. */
  get connections(): number {
    return this.#pairs.size;
  }

  freeze(): void {
    this.#isFrozen = true;
    for (const { client, server } of this.#pairs) {
      client.pause();
      server?.pause();
    }
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
    const messages = new MessageSplitter();
    try {
      pair.server = await Bun.connect({
        hostname: "127.0.0.1",
        port: this.#target,
        socket: {
          data: (_, bytes) => {
            for (const message of messages.take(bytes)) {
              const pass = (): void => {
                const kept = this.filter(message);
                if (kept && kept.length > 0) write(pair.client, kept);
              };
              if (this.delayMs > 0) setTimeout(pass, this.delayMs);
              else pass();
            }
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

const LINE_END = "\r\n";

/** Splits what a server sends into messages: a line, with the payload that it announces. */
class MessageSplitter {
  #rest = Buffer.alloc(0);
  /** How many bytes there have to be before it is worth to look. */
  #wanted = 0;

  take(bytes: Uint8Array): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const messages: Buffer[] = [];
    while (this.#rest.length >= this.#wanted) {
      const end = this.#rest.indexOf(LINE_END);
      if (end < 0) break;
      const line = this.#rest.toString("latin1", 0, end);
      const payload = /^H?MSG /.test(line) ? Number(line.split(" ").at(-1)) + LINE_END.length : 0;
      const size = end + LINE_END.length + payload;
      this.#wanted = size;
      if (this.#rest.length < size) break;
      messages.push(this.#rest.subarray(0, size));
      this.#rest = this.#rest.subarray(size);
      this.#wanted = 0;
    }
    return messages;
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
