import { lstatSync, rmSync } from "node:fs";
import { bindPrivately } from "./private-socket.ts";

type Server = ReturnType<typeof Bun.serve>;

/** How often a server looks whether its socket is still there, in ms. */
const LOOK_EVERY_MS = 250;

/** Who answers for a socket. */
export interface SocketOwner {
  /** Told that the socket was gone and is there again, or why it is not. */
  news(text: string): void;
  /** Tells whether the folder of the socket still is what it was. */
  isInPlace(): boolean;
}

const NOBODY: SocketOwner = { news: () => {}, isInPlace: () => true };

/**
 * A server on a unix socket. Where somebody removes the socket it is put back: nobody would find the server,
 * though it has the store. What was begun on the old one goes on there.
 */
export class KeptSocket {
  readonly path: string;
  readonly #serve: (unix: string) => Server;
  readonly #owner: SocketOwner;
  readonly #timer: ReturnType<typeof setInterval>;
  #server: Server;
  /** Which file the socket is. */
  #inode: bigint | undefined;
  /** Servers that take nothing new any more. */
  readonly #ending: Promise<void>[] = [];
  #before: Server[] = [];
  #told: string | undefined;
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
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
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

  /** Closes the connections that wait for another request. */
  closeIdle(): void {
    for (const server of [this.#server, ...this.#before]) server.closeIdleConnections();
  }

  /** Takes no more requests, and removes the socket. Those under way have `ms` to end. */
  async stop(ms: number): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    const isOurs = inodeOf(this.path) === this.#inode;
    const servers = [this.#server, ...this.#before];
    const late = setTimeout(() => {
      for (const server of servers) void server.stop(true);
    }, ms);
    // It removes the socket itself, whoever's that is by now: nothing else than ours may go.
    await Promise.all([...(isOurs ? [this.#server.stop()] : []), ...this.#ending]);
    clearTimeout(late);
    if (isOurs) rmSync(this.path, { force: true });
  }

  async #look(): Promise<void> {
    if (this.#busy || this.#stopped) return;
    const inode = inodeOf(this.path);
    if (inode === this.#inode || !this.#owner.isInPlace()) return;
    this.#busy = true;
    try {
      if (inode !== undefined) {
        this.#tell(`${this.path} is not this server's socket any more: remove it to get that back`);
        return;
      }
      await this.#putBack();
      this.#tell(`${this.path} was removed: this server has put it back`);
      this.#told = undefined;
    } catch (error) {
      this.#tell(`${this.path} was removed, and cannot be put back: ${(error as Error).message}`);
    } finally {
      this.#busy = false;
    }
  }

  async #putBack(): Promise<void> {
    const old = this.#server;
    // This first: a server that stops removes what is at its path.
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

  /** Each thing once, however often it is found. */
  #tell(text: string): void {
    if (this.#told === text) return;
    this.#told = text;
    this.#owner.news(text);
  }
}

function inodeOf(path: string): bigint | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
  } catch {
    // Its folder is not one any more: the store will say so.
    return undefined;
  }
}
