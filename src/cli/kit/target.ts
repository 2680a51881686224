import {
  type Address,
  defaultAddress,
  isAddress,
  isEnvironmentAddress,
  namesStore,
  parseAddress,
  refuseToken,
} from "../../client/address.ts";
import { shellWord } from "../../core/error.ts";
import { parsed, UsageError, type VerbInput } from "./verb.ts";

/** The address in a command line, or the default, and the arguments after it. */
export interface Target {
  readonly address: Address;
  readonly rest: readonly string[];
}

/** What the first argument after the address is: a key and a file may look like an address. */
type Kind = "name" | "key" | "file";

/**
 * Splits `[ADDR] ARG…`. The first argument is the address where it looks like one and `--store` gives none.
 *
 * @param wanted how many arguments the verb takes besides the address: exactly, or from–to
 * @param names the missing argument, as the message calls it
 * @throws UsageError
 */
export function splitTarget(
  { positionals, store, literalFrom }: VerbInput,
  wanted: number | readonly [from: number, to: number],
  names = "an argument",
  kind: Kind = "name",
): Target {
  const [from, to] = typeof wanted === "number" ? [wanted, wanted] : wanted;
  const [first, ...others] = positionals;
  const addressed =
    store === undefined &&
    first !== undefined &&
    isAddress(first) &&
    (literalFrom !== 0 || positionals.length > to || isEnvironmentAddress(first)) &&
    (kind !== "file" || positionals.length > 1 || parsed(namesStore, first));
  const rest = addressed ? others : positionals;
  if (rest.length < from) throw missing(names, kind, addressed ? first : undefined);
  if (rest.length > to) throw tooMany(positionals, rest.slice(to), store === undefined && to === 0);
  // The message for a wrong topic or id would show the token.
  if (kind === "name" && !addressed && first !== undefined) parsed(refuseToken, first);
  return { address: storeAddress(store ?? (addressed ? first : undefined)), rest };
}

/** The address that `--store` names, or the default. @throws UsageError */
export function storeAddress(given: string | undefined): Address {
  if (given === "") throw new UsageError("the option --store needs a value: it is empty");
  return parsed(() => (given === undefined ? defaultAddress() : parseAddress(given)));
}

function missing(names: string, kind: Kind, address: string | undefined): UsageError {
  // An address with "@" may hold a token.
  if (address === undefined || address.includes("@")) return new UsageError(`${names} is missing`);
  const other = kind === "key" ? `; if it is the key, write  -- ${shellWord(address)}` : "";
  return new UsageError(`${names} is missing: ${address} is the address of the store${other}`);
}

/** @param takesAddress the verb takes an address and nothing else */
function tooMany(
  positionals: readonly string[],
  more: readonly string[],
  takesAddress: boolean,
): UsageError {
  for (const word of positionals) parsed(refuseToken, word);
  const [first = ""] = positionals;
  const meant =
    takesAddress && first !== "" && !isAddress(first)
      ? `: the path of a store is written ${shellWord(`./${first}`)}`
      : "";
  return new UsageError(`too many arguments: ${more.join(" ")}${meant}`);
}
