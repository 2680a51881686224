/** A count with its noun: `plural(1, "frames")` is "1 frame". The plural of the noun is its singular and "s". */
export function plural(count: number, words: string): string {
  return `${count.toLocaleString("en")} ${count === 1 ? words.slice(0, -1) : words}`;
}
