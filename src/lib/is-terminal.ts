/** Standard input, output and error, as descriptors. */
export const STDIN = 0;
export const STDOUT = 1;
export const STDERR = 2;

/**
 * Tells whether a descriptor is a terminal. Every command that prints asks this, and loading `node:tty`, or making
 * `process.stdout`, takes longer than the rest of such a command, so it asks the function behind them.
 */
export function isTerminal(descriptor: number): boolean {
  const { binding } = process as unknown as {
    binding?: (name: "tty_wrap") => { isTTY?: (descriptor: number) => boolean };
  };
  try {
    const isTTY = binding?.("tty_wrap").isTTY;
    if (isTTY) return isTTY(descriptor);
  } catch {
    // The runtime may lose this function, as it is not documented.
  }
  return process.getBuiltinModule("node:tty").isatty(descriptor);
}
