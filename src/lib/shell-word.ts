/** Letters that the shell takes as they are. */
const PLAIN_WORD = /^[A-Za-z0-9_@%+:,./-]+$/;

/** Quotes a word so that the shell takes it as it is. */
export function shellWord(word: string): string {
  return PLAIN_WORD.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
