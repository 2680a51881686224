import { resolve } from "node:path";
import { shellWord } from "../../core/error.ts";

/**
 * The shell script that runs a command line. Several words are a program and its arguments; a single word is a line for
 * the shell, as in `sh -c`, unless it is a program. A program beside the current folder gets its whole path: the server
 * runs in another folder.
 */
export function shellScript(words: readonly string[]): string {
  const [first = "", ...others] = words;
  const program = first === "" ? null : Bun.which(first);
  if (others.length === 0 && program === null) return `${first}\n`;
  const isPath = first.includes("/") && program !== null;
  return `exec ${[isPath ? resolve(first) : first, ...others].map(shellWord).join(" ")}\n`;
}
