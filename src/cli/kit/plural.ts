/** How many of something there are, for a person: `amount(1, "frames")` is "1 frame". */
export function amount(count: number, plural: string): string {
  return `${count.toLocaleString("en")} ${count === 1 ? plural.slice(0, -1) : plural}`;
}
