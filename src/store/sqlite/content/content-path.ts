import { digestOf } from "../../../core/hash.ts";

/** Where cacache keeps a content below the folder of all files: two levels of two hexadecimal digits. */
export function pathInFolder(hash: string): string {
  const hex = digestOf(hash).toString("hex");
  return `${hex.slice(0, 2)}/${hex.slice(2, 4)}/${hex.slice(4)}`;
}
