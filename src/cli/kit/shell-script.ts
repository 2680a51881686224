/** Letters that the shell takes as they are. */
const PLAIN_WORD = /^[A-Za-z0-9_@%+:,./-]+$/;

/**
 * The shell script that runs a command line. Several words are a program and its arguments; a single word is a line for
 * the shell, as in `sh -c`, unless it is a program.
 */
export function shellScript(words: readonly string[]): string {
  const [first = ""] = words;
  if (words.length === 1 && Bun.which(first) === null) return `${first}\n`;
  return `exec ${words.map(shellWord).join(" ")}\n`;
}

/** Quotes a word so that the shell takes it as it is. */
export function shellWord(word: string): string {
  return PLAIN_WORD.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
