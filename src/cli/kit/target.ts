import {
  type Address,
  defaultAddress,
  looksLikeAddress,
  parseAddress,
} from "../../client/address.ts";
import { parsed, UsageError } from "./verb.ts";

/** The address in a command line, or the default, and the arguments after it. */
export interface Target {
  readonly address: Address;
  readonly rest: readonly string[];
}

/**
 * Splits `[ADDR] ARG…`. The first argument is the address where there are more arguments than the verb
 * takes without one, and where it looks like an address and the verb can do without it.
 *
 * @param isAddress decides whether an optional first argument is the address
 * @param wanted how many arguments the verb takes besides the address: exactly, or from–to
 * @param names the missing argument, as the message calls it
 * @throws UsageError
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
    (positionals.length > to || (positionals.length > from && parsed(isAddress, first)));
  const rest = addressed ? others : positionals;
  if (rest.length < from) throw new UsageError(`${names || "an argument"} is missing`);
  if (rest.length > to) throw new UsageError(`too many arguments: ${rest.slice(to).join(" ")}`);
  const address = parsed(() => (addressed ? parseAddress(first) : defaultAddress()));
  return { address, rest };
}
