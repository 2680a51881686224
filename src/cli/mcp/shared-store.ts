import type { Address } from "../../client/address.ts";
import type { Client } from "../../client/client.ts";
import { connect } from "../kit/connect.ts";

/** A client that calls share as long as they overlap. */
interface Lease {
  readonly client: Promise<Client>;
  users: number;
}

/**
 * The store between calls: nothing is open. Each call finds the server anew, or opens the store for as long as it
 * takes, so that servers may come and go and other commands find the store free.
 */
export class SharedStore {
  readonly address: Address;
  readonly #leases = new Map<boolean, Lease>();

  constructor(address: Address) {
    this.address = address;
  }

  /**
   * Runs a function with a client of the store. Without a server, calls that overlap share the one that has the store
   * open: a second one would wait for its lock.
   *
   * @param create makes the store if it is not there
   * @throws as `connect` of the client, and as the function
   */
  async use<T>(work: (client: Client) => Promise<T>, create = false): Promise<T> {
    const lease = this.#leases.get(create) ?? {
      client: connect(this.address, { create }),
      users: 0,
    };
    this.#leases.set(create, lease);
    lease.users++;
    try {
      const client = await lease.client;
      // Another call may meet another server.
      if (!client.isDirect) this.#forget(create, lease);
      return await work(client);
    } finally {
      if (--lease.users === 0) {
        this.#forget(create, lease);
        const client = await lease.client.catch(() => undefined);
        await client?.[Symbol.asyncDispose]();
      }
    }
  }

  /** Connects to the server, which has to be there. @throws XsError `no_server` */
  waiting(): Promise<Client> {
    return connect(this.address, { serverOnly: "waiting" });
  }

  #forget(create: boolean, lease: Lease): void {
    if (this.#leases.get(create) === lease) this.#leases.delete(create);
  }
}
