/** How many of something there are, for a person: `plural(1, "frames")` is "1 frame". */
export function plural(count: number, words: string): string {
  return `${count.toLocaleString("en")} ${count === 1 ? words.slice(0, -1) : words}`;
}
