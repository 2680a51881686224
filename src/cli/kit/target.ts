import {
  type Address,
  defaultAddress,
  looksLikeAddress,
  parseAddress,
} from "../../client/address.ts";
import { type Client, type ConnectOptions, connect } from "../../client/connect.ts";
import { parsed, UsageError } from "./verb.ts";

/** The address of a command line and the arguments after it. */
export interface Target {
  readonly address: Address;
  readonly rest: readonly string[];
}

/**
 * Splits `[ADDR] ARG…`: with more arguments than the verb takes without an address, or with one
 * that cannot be anything else, the first is the address.
 *
 * @param isAddress tells, where there is room for doubt
 * @param wanted how many arguments the verb takes besides the address: exactly, or from–to
 */
export function splitTarget(
  positionals: readonly string[],
  wanted: number | readonly [from: number, to: number],
  names = "",
  isAddress: (text: string) => boolean = looksLikeAddress,
): Target {
  const [from, to] = typeof wanted === "number" ? [wanted, wanted] : wanted;
  const [first, ...others] = positionals;
  const addressed =
    first !== undefined &&
    (positionals.length > to || (positionals.length > from && parsed(() => isAddress(first))));
  const rest = addressed ? others : positionals;
  if (rest.length < from) throw new UsageError(`${names || "an argument"} is missing`);
  if (rest.length > to) throw new UsageError(`too many arguments: ${rest.slice(to).join(" ")}`);
  const address = parsed(() => (addressed ? parseAddress(first) : defaultAddress()));
  return { address, rest };
}

/** Runs something with a client, and closes it whatever happens. */
export async function withClient(
  target: Target,
  options: ConnectOptions,
  use: (client: Client) => Promise<void>,
): Promise<void> {
  const client = await connect(target.address, options);
  try {
    await use(client);
  } finally {
    await client.close();
  }
}
