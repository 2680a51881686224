import type { Address } from "../../client/address.ts";
import { type Client, type ConnectOptions, connect as connectTo } from "../../client/connect.ts";
import { showMigration } from "./migration.ts";

/** Connects to a store, and shows the migration of one of an older version. @throws as `connect` of the client */
export function connect(address: Address, options: ConnectOptions = {}): Promise<Client> {
  return connectTo(address, { migration: showMigration(), ...options });
}
