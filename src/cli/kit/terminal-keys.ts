import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { isTerminal, STDIN } from "../../lib/is-terminal.ts";

/**
 * Calls for each line on stdin: a person presses Enter.
 *
 * @param signal ends it, so that stdin does not keep the process alive
 * @returns whether a person may press it
 */
export function readLines(signal: AbortSignal, call: () => void): boolean {
  const isPerson = isTerminal(STDIN);
  // The system stops a process in the background that reads from the terminal.
  if (isPerson && isInBackground()) return false;
  // A terminal that is gone.
  process.stdin.on("error", () => {});
  const lines = createInterface({ input: process.stdin });
  lines.on("line", call);
  signal.addEventListener("abort", () => {
    lines.close();
    // Of a file there is none.
    process.stdin.unref?.();
  });
  return isPerson;
}

/** Whether another process group has the terminal, from proc(5); false where the system does not say. */
function isInBackground(): boolean {
  try {
    const fields = readFileSync("/proc/self/stat", "latin1").split(") ").at(-1)?.split(" ") ?? [];
    const [, , group, , , foreground] = fields;
    return foreground !== "-1" && group !== foreground;
  } catch {
    return false;
  }
}
