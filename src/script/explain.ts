interface Explained extends Error {
  readonly position?: { readonly line: number; readonly column: number } | null;
}

/** An error with the place in the script, as far as it is known. */
export function explain(error: unknown): string {
  // A script that cannot be read has several of them: the first tells the most.
  const first = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const { message, stack, position } = first as Explained;
  if (position) return `${message} (line ${position.line}, column ${position.column})`;
  const place = /\/([^/\s()]+\.[cm]?[jt]s:\d+:\d+)/.exec(stack ?? "")?.[1];
  return place === undefined ? (message ?? String(first)) : `${message} (${place})`;
}
