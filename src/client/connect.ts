import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Listener } from "../api/listen.ts";
import { XsError } from "../frame/error.ts";
import { success } from "../script/answer.ts";
import { httpAsk, type Place } from "../script/http-client.ts";
import { isStore } from "../store/is-store.ts";
import { answers, shortestPath } from "../store/socket-path.ts";
import type { Address } from "./address.ts";

/** A way to ask a store: over its socket, over TCP, or, with no server running, right here. */
export interface Client {
  /**
   * Sends a request to a path of the API.
   *
   * @throws XsError what the answer says, when it is not a success
   */
  request(path: string, init?: RequestInit): Promise<Response>;
  /** An address at which other processes reach the store while this client is open. */
  serve(): Promise<string>;
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** Make the store where there is none. */
  readonly create?: boolean;
  /** Only a server will do, as for a following read. */
  readonly serverOnly?: boolean;
}

/** How long to wait for another process that has the store open and is no server. */
const LOCK_WAIT_MS = 10_000;

/**
 * Finds the server of an address, or opens the store itself.
 *
 * @throws XsError `store_not_found`, `store_in_use`, `no_server`
 */
export async function connect(address: Address, options: ConnectOptions = {}): Promise<Client> {
  if ("url" in address) {
    return remote(address.url, { url: address.url, token: process.env.XS_TOKEN });
  }
  const { directory } = address;
  const deadline = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    const unix = await findSocket(directory);
    if (unix !== undefined) return remote(directory, { unix });
    if (options.serverOnly) {
      throw new XsError(
        "no_server",
        `following needs a server, and none serves ${directory}: start one with  xs serve ${directory}`,
      );
    }
    if (!options.create && !isStore(directory)) {
      throw new XsError(
        "store_not_found",
        `there is no store at ${directory}: name another, or make it with  xs serve ${directory}`,
      );
    }
    const client = await direct(directory);
    if (client) return client;
    if (Date.now() > deadline) {
      throw new XsError(
        "store_in_use",
        `another xs command has ${directory} open without serving it: wait for it, or stop it`,
      );
    }
    // Whoever holds the lock is about to finish, or is a server that does not listen yet.
    await Bun.sleep(5);
  }
}

/** The socket of a store, or at a path, if somebody answers on it. */
export async function findSocket(directory: string): Promise<string | undefined> {
  // A second socket of a server is an address by itself.
  const isSocket = statSync(directory, { throwIfNoEntry: false })?.isSocket();
  const path = isSocket ? directory : join(directory, "sock");
  if (!existsSync(path)) return undefined;
  const unix = shortestPath(path);
  return (await answers(unix)) ? unix : undefined;
}

function remote(address: string, place: Place): Client {
  return { request: httpAsk(place), serve: async () => address, async close() {} };
}

async function direct(directory: string): Promise<Client | undefined> {
  // Most commands find a server, and start faster without all this.
  const { openSqliteStore } = await import("../store/open.ts");
  const { api } = await import("../api/api.ts");
  const store = openSqliteStore(directory);
  if (!store) return undefined;
  const answer = api(store, {
    async processors() {
      const { stoppedProcessors } = await import("../processors/processors.ts");
      return stoppedProcessors(store);
    },
  });
  let listener: Listener | undefined;
  return {
    request: async (path, init) =>
      success(await answer(new Request(`http://localhost${path}`, init))),
    async serve() {
      const { listen } = await import("../api/listen.ts");
      listener ??= await listen(directory, answer);
      return directory;
    },
    async close() {
      await listener?.stop(0);
      await store.close();
    },
  };
}
