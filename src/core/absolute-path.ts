import { isUtf8 } from "node:buffer";
import { readFileSync, readlinkSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, resolve } from "node:path";
import { XsError } from "./error.ts";

/** What stands in a text for bytes that are not UTF-8. It may have been there as such, too. */
const REPLACEMENT = "\ufffd";

/** Variables from which paths come. */
const VARIABLES = ["XS_ADDR", "XDG_DATA_HOME", "HOME"];

/**
 * A path from the root; `~` is the user's home.
 *
 * @throws XsError `bad_path` where what it is made of is not UTF-8, and it would name something else
 */
export function absolutePath(text: string): string {
  const given = text.replace(/^~(?=\/|$)/, homedir());
  const path = resolve(given);
  if (path.includes(REPLACEMENT)) refuseOtherBytes(isAbsolute(given));
  return path;
}

/** The argument of this process whose bytes are not UTF-8, counted from 0; undefined for none. */
export function brokenArgument(args: readonly string[]): number | undefined {
  if (!args.some((arg) => arg.includes(REPLACEMENT))) return undefined;
  // The name of the program stands before them.
  const found = parts("/proc/self/cmdline").slice(-args.length);
  const index = found.findIndex((bytes) => !isUtf8(bytes));
  return index < 0 ? undefined : index;
}

function refuseOtherBytes(fromRoot: boolean): void {
  for (const bytes of parts("/proc/self/environ")) {
    const name = bytes.subarray(0, bytes.indexOf("=")).toString("latin1");
    if (VARIABLES.includes(name) && !isUtf8(bytes)) throw notUtf8(`the variable ${name}`);
  }
  if (fromRoot) return;
  const here = tryRead(() => readlinkSync("/proc/self/cwd", { encoding: "buffer" }));
  if (here && !isUtf8(here)) throw notUtf8("the path of the current folder");
}

function notUtf8(what: string): XsError {
  return new XsError(
    "bad_path",
    `${what} is not UTF-8: xs takes no other paths; rename or link it`,
  );
}

/** The texts of a file of proc(5), which end with a NUL each; none where there is no such file. */
function parts(file: string): Buffer[] {
  const bytes = tryRead(() => readFileSync(file));
  const found: Buffer[] = [];
  for (let start = 0; bytes && start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    found.push(bytes.subarray(start, end < 0 ? undefined : end));
    start = end < 0 ? bytes.length : end + 1;
  }
  return found;
}

function tryRead<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
