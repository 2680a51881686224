/** An error with the place in the script, as far as it is known. */
export function explain(error: unknown): string {
  const { message, stack, position } = error as Error & {
    position?: { file: string; line: number; column: number } | null;
  };
  if (position) return `${message} (line ${position.line}, column ${position.column})`;
  const place = /\/([^/\s()]+\.[cm]?[jt]s:\d+:\d+)/.exec(stack ?? "")?.[1];
  return place === undefined ? (message ?? String(error)) : `${message} (${place})`;
}
