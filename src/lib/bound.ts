/** Makes room for one more in a map or a set: where it has as many as it may, the oldest goes. */
export function bound(kept: Map<string, unknown> | Set<string>, most: number): void {
  const [oldest] = kept.keys();
  if (kept.size >= most && oldest !== undefined) kept.delete(oldest);
}
