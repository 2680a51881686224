import { buffer, fs, os, paths } from "../lib/builtins.ts";
import { XsError } from "./error.ts";

/** The character that replaces bytes that are not UTF-8. The text may also have held it from the start. */
const REPLACEMENT = "\ufffd";

/** Environment variables that hold paths. */
const VARIABLES = ["XS_ADDR", "XDG_DATA_HOME", "HOME"];

/**
 * Makes a path absolute; `~` is the user's home.
 *
 * @throws XsError `bad_path` if a part of it is not UTF-8: the decoded path would name another file
 */
export function absolutePath(text: string): string {
  const given = text.replace(/^~(?=\/|$)/, () => os().homedir());
  const path = resolved(given);
  if (path.includes(REPLACEMENT)) refuseOtherBytes(paths().isAbsolute(given));
  return path;
}

/** The index, from 0, of the first argument of this process that is not UTF-8; undefined if all are. */
export function brokenArgument(args: readonly string[]): number | undefined {
  // The command line begins with the program's name.
  const found = parts("/proc/self/cmdline").slice(-args.length);
  const index = found.findIndex((bytes) => !buffer().isUtf8(bytes));
  return index < 0 ? undefined : index;
}

/** A path from the root, or from the current folder, in which nothing is to be resolved. */
const PLAIN = /^\.?(?:\/[\w-][\w.-]*)+$/;

/** What `resolve` of `node:path` returns. Most paths need nothing of it, and it takes long to load. */
function resolved(path: string): string {
  if (process.platform === "win32" || !PLAIN.test(path)) return paths().resolve(path);
  if (path.startsWith("/")) return path;
  const here = process.cwd();
  return `${here === "/" ? "" : here}${path.slice(1)}`;
}

function refuseOtherBytes(fromRoot: boolean): void {
  for (const bytes of parts("/proc/self/environ")) {
    const name = bytes.subarray(0, bytes.indexOf("=")).toString("latin1");
    if (VARIABLES.includes(name) && !buffer().isUtf8(bytes)) throw notUtf8(`the variable ${name}`);
  }
  if (fromRoot) return;
  const here = tryRead(() => fs().readlinkSync("/proc/self/cwd", { encoding: "buffer" }));
  if (here && !buffer().isUtf8(here)) throw notUtf8("the path of the current folder");
}

function notUtf8(what: string): XsError {
  return new XsError(
    "bad_path",
    `${what} is not UTF-8, and xs accepts only UTF-8 paths: rename it, or link to it`,
  );
}

/** The NUL-terminated strings in a file of proc(5); none if there is no such file. */
function parts(file: string): Buffer[] {
  const bytes = tryRead(() => fs().readFileSync(file, "latin1"));
  const texts = bytes?.replace(/\0$/, "").split("\0") ?? [];
  return texts.map((text) => Buffer.from(text, "latin1"));
}

function tryRead<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
