/** Lets the event loop run once, so that long work does not hold the server up. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
