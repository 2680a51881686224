import type { ArgsDef } from "citty";
import { spellings } from "./verb.ts";

/**
 * Moves the words of a command line behind `--`, those with a minus too: `-not` is a word there, and `-s ADDR` and each
 * option with two dashes are options still.
 */
export function wordsLast(args: readonly string[], options: ArgsDef): string[] {
  const takesValue = new Map<string, boolean>();
  for (const [name, option] of Object.entries(options)) {
    for (const spelling of spellings(name, option)) {
      takesValue.set(spelling, option.type !== "boolean");
    }
  }
  const flags: string[] = [];
  const words: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (arg === "--") {
      words.push(...args.slice(at + 1));
      break;
    }
    // SQL may begin with a comment, which is no option.
    if (!/^--[^\s]/.test(arg) && !takesValue.has(arg)) {
      words.push(arg);
      continue;
    }
    flags.push(arg);
    const value = args[at + 1];
    if (takesValue.get(arg) && value !== undefined) {
      flags.push(value);
      at++;
    }
  }
  return [...flags, "--", ...words];
}
