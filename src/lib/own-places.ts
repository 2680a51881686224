import { join } from "node:path";

/** Where the code of this program is: in the executable, or in the folder of its sources. */
const SOURCES = join(import.meta.dir, "..");

/** Tells whether a line of a stack names a place in this program, not in a script that it runs. */
export function isOwnPlace(line: string): boolean {
  return line.includes("/$bunfs/") || line.includes("~BUN") || line.includes(`${SOURCES}/`);
}

/** A text without the names of files of this program that Bun puts into some messages. */
export function withoutOwnFiles(text: string): string {
  return text.replace(/ (?:from|imported from|in) (["'`]?)\S*(?:\/\$bunfs\/|~BUN)\S*\1/g, "");
}

/** A stack without the places in this program. */
export function withoutOwnPlaces(stack: string): string {
  const lines = stack.split("\n");
  return lines.filter((line) => !(/^\s+at /.test(line) && isOwnPlace(line))).join("\n");
}

let hidden = false;

/**
 * From now on, no stack in this process has places in this program: in one that runs a script, stacks are
 * read by who wrote it.
 */
export function hideOwnPlaces(): void {
  hidden = true;
  Error.prepareStackTrace = (error, sites) => {
    const lines = sites.map((site) => `    at ${site}`).filter((line) => !isOwnPlace(line));
    return [titleOf(error), ...lines].join("\n");
  };
}

/**
 * Settles the stack of an error, where own places are hidden: for one that Bun prints by itself it takes
 * the source around the innermost place otherwise, whatever that is.
 */
export function settleStack(error: Error): void {
  if (hidden) error.stack = withoutOwnPlaces(String(error.stack));
}

function titleOf(error: Error): string {
  try {
    return String(error);
  } catch {
    return "Error";
  }
}
