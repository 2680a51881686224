import type { Address } from "../../client/address.ts";
import { shellWord } from "../../core/error.ts";

/**
 * An address as a word of a command line that a person copies, with a space after it; nothing for a store that a command
 * finds by itself. An address with a token is shown as ADDR.
 */
export function addressWord(address: Address): string {
  if ("url" in address) return address.token === undefined ? `${shellWord(address.url)} ` : "ADDR ";
  return address.found ? "" : `${shellWord(address.directory)} `;
}
