import { plural } from "./plural.ts";

/** Counts generators and handlers, for a person: "1 generator, 2 handlers"; "" where there are none. */
export function processorCounts(processors: readonly { readonly kind: string }[]): string {
  return ["generator", "handler"]
    .map((kind) => [kind, processors.filter((one) => one.kind === kind).length] as const)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => plural(count, `${kind}s`))
    .join(", ");
}
