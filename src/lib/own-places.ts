import { settleStacksBy } from "./error-stack.ts";

/** The folder of this program's sources; the compiled program has its code in the executable instead. */
const sources = () => import.meta.dir.replace(/[\\/]lib$/, "");

/** Tells whether a line of a stack trace names a place in this program, not in a script that it runs. */
export function isOwnPlace(line: string): boolean {
  return line.includes("/$bunfs/") || line.includes("~BUN") || line.includes(`${sources()}/`);
}

/** Removes the names of this program's files, which Bun puts into some messages. */
export function withoutOwnFiles(text: string): string {
  return text.replace(/ (?:from|imported from|in) (["'`]?)\S*(?:\/\$bunfs\/|~BUN)\S*\1/g, "");
}

/** Removes the places in this program from a stack trace. */
function withoutOwnPlaces(stack: string): string {
  const lines = stack.split("\n");
  return lines.filter((line) => !(/^\s+at /.test(line) && isOwnPlace(line))).join("\n");
}

/**
 * From now on, the stack traces of this process show no places in this program. In a process that runs a
 * script, the author of the script reads them.
 */
export function hideOwnPlaces(): void {
  // When Bun itself prints an error, it shows the source around the innermost place, which may be a place here.
  settleStacksBy((error) => {
    error.stack = withoutOwnPlaces(String(error.stack));
  });
  Error.prepareStackTrace = (error, sites) => {
    const lines = sites.map((site) => `    at ${site}`).filter((line) => !isOwnPlace(line));
    return [titleOf(error), ...lines].join("\n");
  };
}

function titleOf(error: Error): string {
  try {
    return String(error);
  } catch {
    return "Error";
  }
}
