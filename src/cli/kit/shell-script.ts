import { resolve } from "node:path";

/** Letters that the shell takes as they are. */
const PLAIN_WORD = /^[A-Za-z0-9_@%+:,./-]+$/;

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

/** Quotes a word so that the shell takes it as it is. */
export function shellWord(word: string): string {
  return PLAIN_WORD.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
