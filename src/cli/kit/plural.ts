/** A count with its noun: `plural(1, "frames")` is "1 frame". The plural of the noun is its singular and "s". */
export function plural(count: number, words: string): string {
  return `${count.toLocaleString("en")} ${count === 1 ? words.slice(0, -1) : words}`;
}

/** Counts generators and handlers, for a person: "1 generator, 2 handlers"; "" where there are none. */
export function processorCounts(processors: readonly { readonly kind: string }[]): string {
  return ["generator", "handler"]
    .map((kind) => [kind, processors.filter((one) => one.kind === kind).length] as const)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => plural(count, `${kind}s`))
    .join(", ");
}
