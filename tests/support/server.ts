import { existsSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { until, within } from "./wait.ts";

/** The binary under test. */
export const XS = join(import.meta.dir, "../../dist/xs");

/** The nushell of the development dependencies: the program, not its wrapper for Node. */
export const NU = join(
  import.meta.dir,
  `../../node_modules/@nushell/${process.platform}-${process.arch}/bin/nu`,
);

/** The environment of a user with nothing of xs set up, whose home is this directory. */
export function plainEnv(home: string): Record<string, string> {
  return { PATH: process.env.PATH ?? "", HOME: home, TMPDIR: tmpdir(), LANG: "C.UTF-8" };
}

export function parseLines(ndjson: string): Frame[] {
  return ndjson
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Frame);
}

/** How a test starts a server. */
export interface ServerOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** More arguments of `xs serve`. */
  readonly args?: readonly string[];
  /** A command that runs xs, in its own process, and watches it. */
  readonly under?: readonly string[];
  /** Another binary than the one under test. */
  readonly xs?: string;
}

/** A running `xs serve`, killed at the end of the test if it still lives. */
export class Server implements AsyncDisposable {
  readonly directory: string;
  readonly unix: string;
  readonly pid: number;
  readonly stderr: Promise<string>;
  readonly exited: Promise<number>;
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;

  constructor(directory: string, options: ServerOptions = {}) {
    this.directory = directory;
    this.unix = join(directory, "sock");
    const xs = options.xs ?? XS;
    const command = [...(options.under ?? []), xs, "serve", directory, ...(options.args ?? [])];
    this.#child = Bun.spawn(command, {
      cwd: options.cwd ?? tmpdir(),
      env: { ...plainEnv(tmpdir()), ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.pid = this.#child.pid;
    this.stderr = new Response(this.#child.stderr).text();
    this.exited = this.#child.exited;
  }

  /** Waits until the API answers. */
  async ready(): Promise<this> {
    await until(`${this.directory} answers`, async () => {
      if (this.#child.exitCode !== null) throw new Error(`xs serve: ${await this.stderr}`);
      if (!existsSync(this.unix)) return false;
      try {
        return (await this.fetch("/health")).ok;
      } catch {
        return false;
      }
    });
    return this;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://localhost${path}`, { ...init, unix: this.unix });
  }

  async append(topic: string, content = "", headers: Record<string, string> = {}): Promise<Frame> {
    const response = await this.fetch(`/stream/${topic}`, {
      method: "POST",
      body: content,
      headers,
    });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as Frame;
  }

  async frames(path = "/"): Promise<Frame[]> {
    return parseLines(await (await this.fetch(path)).text());
  }

  /** Where it listens besides its own socket, as it says itself. */
  async listensAt(what: "http" | "expose"): Promise<string> {
    const [start] = await this.frames("/last/stream.cross.start?last=1");
    return (start?.meta as Record<string, string> | undefined)?.[what] ?? "";
  }

  /** Sends a signal and gives the exit code. */
  stop(signal: NodeJS.Signals): Promise<number> {
    this.#child.kill(signal);
    return within(`the end of xs serve after ${signal}`, this.exited);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}

/** With `XS_TEST_SUBJECT=follower` it is a node that does not lead, of a store on several machines. */
export async function startServer(directory: string, options?: ServerOptions): Promise<Server> {
  if (!isFollowerTested || options?.xs) return new Server(directory, options).ready();
  return (await import("./follower-server.ts")).startFollower(directory, options);
}

/** The suites are tried at a node that does not lead. */
export const isFollowerTested = process.env.XS_TEST_SUBJECT === "follower";

/** A bare connection to a socket, for what no HTTP client would send. */
export class RawConnection implements Disposable {
  readonly socket: Socket;
  /** The server has hung up. */
  readonly closed: Promise<void>;
  #received: Buffer[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes) => this.#received.push(bytes as Buffer));
    // A reset is one of the ways in which a server may refuse.
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      for (const end of ["end", "close"]) socket.once(end, () => resolve());
    });
  }

  /** @param address a unix socket, or HOST:PORT */
  static async open(address: string): Promise<RawConnection> {
    const [, host = "", port] = /^(.*):(\d+)$/.exec(address) ?? [];
    const where = port
      ? { host: host.replace(/[[\]]/g, ""), port: Number(port) }
      : { path: address };
    const socket = createConnection({ ...where, allowHalfOpen: true });
    const connection = new RawConnection(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return connection;
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** What has come so far, a byte a character. */
  get received(): string {
    const all = Buffer.concat(this.#received);
    this.#received = [all];
    return all.toString("latin1");
  }

  /** The body of a chunked response, from its start. */
  body(): ReadableStream<Uint8Array> {
    const received = Buffer.from(this.received, "latin1");
    this.#received = [];
    this.socket.removeAllListeners("data");
    const { socket } = this;
    return decodeChunked(
      (async function* (): AsyncGenerator<Buffer> {
        yield received;
        for await (const bytes of socket) yield bytes as Buffer;
      })(),
    );
  }

  /** The status of the first response, or undefined if the server hangs up without any. */
  async status(): Promise<number | undefined> {
    let over = false;
    void this.closed.then(() => {
      over = true;
    });
    return await until("a response or the end", () => {
      const [, status] = /^HTTP\/1\.1 (\d{3}) [\s\S]*?\r\n\r\n/.exec(this.received) ?? [];
      if (status !== undefined) return { status: Number(status) };
      return over && { status: undefined };
    }).then(({ status }) => status);
  }

  /** Sends no more, and waits for the server to hang up. */
  async hangUp(): Promise<void> {
    this.socket.end();
    await within("the server to hang up", this.closed);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** The body of a raw response with `Transfer-Encoding: chunked` (RFC 9112, 7.1). */
function decodeChunked(bytes: AsyncIterable<Buffer>): ReadableStream<Uint8Array> {
  return new ReadableStream(
    new (class {
      readonly #input = bytes[Symbol.asyncIterator]();
      #rest = Buffer.alloc(0);
      #inBody = false;

      async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
        if (!this.#inBody) {
          await this.#line("\r\n\r\n");
          this.#inBody = true;
        }
        const size = Number.parseInt(await this.#line("\r\n"), 16);
        if (size === 0) return controller.close();
        while (this.#rest.length < size + 2) await this.#more();
        controller.enqueue(this.#rest.subarray(0, size));
        this.#rest = this.#rest.subarray(size + 2);
      }

      async #line(end: string): Promise<string> {
        while (!this.#rest.includes(end)) await this.#more();
        const at = this.#rest.indexOf(end);
        const line = this.#rest.toString("latin1", 0, at);
        this.#rest = this.#rest.subarray(at + end.length);
        return line;
      }

      async #more(): Promise<void> {
        const { value, done } = await this.#input.next();
        if (done) throw new Error("the response is cut off");
        this.#rest = Buffer.concat([this.#rest, value]);
      }
    })(),
  );
}
