import type { Listener } from "../api/listen.ts";
import { XsError } from "../core/error.ts";
import { throwIfNotOk } from "../net/api-answer.ts";
import { httpAsk, type Place } from "../net/http-client.ts";
import { isStore } from "../store/is-store.ts";
import { lockHolder } from "../store/lock-holder.ts";
import { checkFound, isClosedToUs } from "../store/owner.ts";
import type { Address } from "./address.ts";
import { reach } from "./reach.ts";

/** A way to ask a store: over its socket, over TCP, or, with no server running, right here. */
export interface Client {
  /**
   * Sends a request to a path of the API.
   *
   * @throws XsError what the answer says, when it is not a success
   */
  request(path: string, init?: RequestInit): Promise<Response>;
  /** What a process that asks at that address has to send, where it needs it. */
  readonly token?: string | undefined;
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

/**
 * Finds the server of an address, or opens the store itself.
 *
 * @throws XsError `store_not_found`, `store_in_use`, `no_server`, `store_of_another`
 */
export async function connect(address: Address, options: ConnectOptions = {}): Promise<Client> {
  if ("url" in address) {
    const { url, token } = address;
    const place =
      token === undefined ? { token: process.env.XS_TOKEN } : { token, inAddress: true };
    return remote(url, { url, ...place });
  }
  checkAddress(address);
  const { directory } = address;
  const reached = await reach(directory, () => openHere(directory, options));
  return "unix" in reached ? remote(directory, { unix: reached.unix }) : reached.opened;
}

/**
 * Refuses an address before it is handed on, and so named, to somebody who would trust it then.
 *
 * @throws XsError `store_of_another`
 */
export function checkAddress(address: Address): void {
  if ("directory" in address && address.found) checkFound(address.directory);
}

/** Undefined where another process has the store open. @throws XsError `no_server`, `store_not_found` */
async function openHere(
  directory: string,
  { create, serverOnly }: ConnectOptions,
): Promise<Client | undefined> {
  // A server that has lost its socket puts it back.
  if (serverOnly && lockHolder(directory)?.serves) return undefined;
  if (serverOnly) {
    throw new XsError(
      "no_server",
      `following needs a server, and none serves ${directory}: start one with  xs serve ${directory}`,
    );
  }
  // Whether there is one cannot be seen where it is closed to others.
  if (!create && !isStore(directory) && !isClosedToUs(directory)) {
    throw new XsError(
      "store_not_found",
      `there is no store at ${directory}: name another, or make it with  xs serve ${directory}`,
    );
  }
  return direct(directory);
}

function remote(address: string, place: Place): Client {
  const token = "url" in place ? place.token : undefined;
  return { request: httpAsk(place), token, serve: async () => address, async close() {} };
}

async function direct(directory: string): Promise<Client | undefined> {
  // Most commands find a server, and start faster without all this.
  const { openForCommand } = await import("../store/sqlite/open.ts");
  const { api } = await import("../api/api.ts");
  const store = openForCommand(directory);
  if (!store) return undefined;
  const answer = api(store, {
    async processors() {
      const { idleProcessors } = await import("../processors/lifecycle/processors.ts");
      return idleProcessors(store, "stopped");
    },
    async nextStart() {
      const { nextStart } = await import("../processors/lifecycle/processors.ts");
      return nextStart(store);
    },
  });
  let listener: Listener | undefined;
  return {
    request: async (path, init) =>
      throwIfNotOk(await answer(new Request(`http://localhost${path}`, init))),
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
