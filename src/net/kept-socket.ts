import { lstatSync, rmSync } from "node:fs";
import { bindPrivately } from "./private-socket.ts";

type Server = ReturnType<typeof Bun.serve>;

/** The interval at which a server checks that its socket still exists, in ms. */
const CHECK_INTERVAL_MS = 250;

/** The owner of a socket. */
export interface SocketOwner {
  /** Receives a message when somebody removed the socket: it is restored, or the reason why it is not. */
  report(text: string): void;
  /** Tells whether the socket's folder is still the same one. */
  isInPlace(): boolean;
}

const NOBODY: SocketOwner = { report: () => {}, isInPlace: () => true };

/**
 * A server on a unix socket. It restores the socket if somebody removes it: otherwise no client could reach
 * the server, which still holds the store. Requests on the old socket continue there.
 */
export class KeptSocket {
  readonly path: string;
  readonly #serve: (unix: string) => Server;
  readonly #owner: SocketOwner;
  readonly #timer: ReturnType<typeof setInterval>;
  #server: Server;
  /** The inode of the socket that this server made. */
  #inode: bigint | undefined;
  /** Servers of removed sockets, which accept no new connections. */
  readonly #ending: Promise<void>[] = [];
  #before: Server[] = [];
  #lastReport: string | undefined;
  #busy = false;
  #stopped = false;

  private constructor(
    path: string,
    serve: (unix: string) => Server,
    owner: SocketOwner,
    server: Server,
  ) {
    this.path = path;
    this.#serve = serve;
    this.#owner = owner;
    this.#server = server;
    this.#inode = inodeOf(path);
    this.#timer = setInterval(() => void this.#check(), CHECK_INTERVAL_MS);
    this.#timer.unref();
  }

  /** @throws XsError `store_in_use`, `address_in_use`, `cannot_listen` */
  static async listen(
    path: string,
    serve: (unix: string) => Server,
    owner: SocketOwner = NOBODY,
  ): Promise<KeptSocket> {
    const server = await bindPrivately(path, serve);
    return new KeptSocket(path, serve, owner, server);
  }

  /** Closes the kept-alive connections that have no request under way. */
  closeIdle(): void {
    for (const server of [this.#server, ...this.#before]) server.closeIdleConnections();
  }

  /** Accepts no more requests and removes the socket. Requests under way have `ms` to end. */
  async stop(ms: number): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    const isOurs = inodeOf(this.path) === this.#inode;
    const servers = [this.#server, ...this.#before];
    const late = setTimeout(() => {
      for (const server of servers) void server.stop(true);
    }, ms);
    // Bun's stop() removes the file at the path, even if another process made it by now.
    await Promise.all([...(isOurs ? [this.#server.stop()] : []), ...this.#ending]);
    clearTimeout(late);
    if (isOurs) rmSync(this.path, { force: true });
  }

  async #check(): Promise<void> {
    if (this.#busy || this.#stopped) return;
    const inode = inodeOf(this.path);
    if (inode === this.#inode || !this.#owner.isInPlace()) return;
    this.#busy = true;
    try {
      if (inode !== undefined) {
        this.#reportOnce(
          `${this.path} is not this server's socket any more: remove it, and this server puts its socket back`,
        );
        return;
      }
      await this.#putBack();
      this.#reportOnce(`${this.path} was removed: this server has put it back`);
      this.#lastReport = undefined;
    } catch (error) {
      this.#reportOnce(
        `${this.path} was removed, and cannot be put back: ${(error as Error).message}`,
      );
    } finally {
      this.#busy = false;
    }
  }

  async #putBack(): Promise<void> {
    const old = this.#server;
    // The old server stops first: stopping removes the file at its path.
    if (!this.#before.includes(old)) {
      this.#before.push(old);
      const ended = old.stop().then(() => {
        this.#before = this.#before.filter((server) => server !== old);
      });
      this.#ending.push(ended);
    }
    this.#server = await bindPrivately(this.path, this.#serve);
    this.#inode = inodeOf(this.path);
    if (this.#stopped) await this.#server.stop(true);
  }

  /** Reports each state once, however many checks find it. */
  #reportOnce(text: string): void {
    if (this.#lastReport === text) return;
    this.#lastReport = text;
    this.#owner.report(text);
  }
}

function inodeOf(path: string): bigint | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
  } catch {
    // The path of its folder is no folder any more; the store reports that.
    return undefined;
  }
}
