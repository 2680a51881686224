// The smallest HTTP/1.1 client that can keep up: one request at a time on a kept connection, over a
// unix socket, without fetch between the clock and the server.

const HEAD_END = Buffer.from("\r\n\r\n");

/** A request as the bytes that go on the wire. */
export function encodeRequest(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: Uint8Array,
): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  if (method !== "GET") lines.push(`content-length: ${body?.length ?? 0}\r\n`);
  const head = `${method} ${path} HTTP/1.1\r\nhost: localhost\r\n${lines.join("")}\r\n`;
  return body ? Buffer.concat([Buffer.from(head), body]) : Buffer.from(head);
}

/** Takes a response in pieces, its body either of known length or chunked. */
class ResponseParser {
  readonly #onBody: (bytes: Buffer) => void;
  #chunked = false;
  #inBody = false;
  /** Bytes of the body, or of the current chunk, that are still to come. */
  #left = 0;
  /** The start of a head or of a chunk's size line that is not whole yet. */
  #rest: Buffer | undefined;

  constructor(onBody: (bytes: Buffer) => void) {
    this.#onBody = onBody;
  }

  /** Tells whether the response is whole. */
  feed(data: Buffer): boolean {
    let bytes = this.#rest ? Buffer.concat([this.#rest, data]) : data;
    this.#rest = undefined;
    if (!this.#inBody) {
      const end = bytes.indexOf(HEAD_END);
      if (end < 0) return this.#keep(bytes);
      this.#readHead(bytes.toString("latin1", 0, end));
      bytes = bytes.subarray(end + 4);
    }
    for (;;) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, bytes.length);
        if (taken > 0) this.#onBody(bytes.subarray(0, taken));
        this.#left -= taken;
        bytes = bytes.subarray(taken);
        if (this.#left > 0) return false;
        if (this.#chunked) this.#left = -2;
      }
      if (!this.#chunked) return true;
      // A chunk ends with CRLF, then comes the next size line.
      const from = this.#left === -2 ? 2 : 0;
      const end = bytes.indexOf("\r\n", from);
      if (end < 0) return this.#keep(bytes);
      const size = Number.parseInt(bytes.toString("latin1", from, end), 16);
      if (size === 0) {
        if (bytes.length >= end + 4) return true;
        return this.#keep(bytes);
      }
      this.#left = size;
      bytes = bytes.subarray(end + 2);
    }
  }

  #keep(bytes: Buffer): false {
    // The socket may use its buffer again, so what is kept is copied.
    if (bytes.length > 0) this.#rest = Buffer.from(bytes);
    return false;
  }

  #readHead(head: string): void {
    if (!/^HTTP\/1\.1 2/.test(head))
      throw new Error(`the server answered ${head.split("\r\n")[0]}`);
    this.#inBody = true;
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    this.#chunked = length === undefined;
    this.#left = Number(length ?? 0);
  }
}

const ignore = () => {};

/** A kept connection. */
export class Connection {
  #socket: Awaited<ReturnType<typeof Bun.connect>> | undefined;
  #parser = new ResponseParser(ignore);
  #unsent: Buffer | undefined;
  #resolve: () => void = ignore;
  #reject: (error: Error) => void = ignore;

  static async open(unix: string): Promise<Connection> {
    const connection = new Connection();
    connection.#socket = await Bun.connect({
      unix,
      socket: {
        data: (_, bytes) => connection.#receive(bytes),
        drain: () => connection.#send(),
        error: (_, error) => connection.#reject(error),
        close: () => connection.#reject(new Error("the server closed the connection")),
      },
    });
    return connection;
  }

  /** Sends a request and resolves when the response is whole. Another status than 2xx rejects. */
  request(bytes: Buffer, onBody: (bytes: Buffer) => void = ignore): Promise<void> {
    this.#parser = new ResponseParser(onBody);
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#unsent = bytes;
      this.#send();
    });
  }

  close(): void {
    this.#reject = ignore;
    this.#socket?.end();
  }

  #send(): void {
    if (!this.#unsent) return;
    const sent = this.#socket?.write(this.#unsent) ?? 0;
    this.#unsent =
      sent < this.#unsent.length ? this.#unsent.subarray(Math.max(0, sent)) : undefined;
  }

  #receive(bytes: Buffer): void {
    try {
      if (this.#parser.feed(bytes)) this.#resolve();
    } catch (error) {
      this.#reject(error as Error);
    }
  }
}

/** How many lines end in these bytes. */
export function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
  return lines;
}
