import type { Address } from "../../client/address.ts";
import type { Client } from "../../client/client.ts";

/** Prints the body of a response. */
export type Printer = (response: Response, client: Client) => Promise<void>;

/** A read that follows: its request, and how the command prints it. */
export interface Following {
  readonly address: Address;
  /** With the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly reconnect: boolean;
  readonly print: Printer;
}

/** The option `limit` of a path with a query. */
export function limitIn(path: string): number | undefined {
  const limit = new URLSearchParams(path.split("?")[1]).get("limit");
  return limit === null ? undefined : Number(limit);
}
