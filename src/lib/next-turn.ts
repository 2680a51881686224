/** Gives way to everything else: long work must not hold the server up. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
