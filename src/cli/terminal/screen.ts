import { isTerminal, STDOUT } from "../../lib/is-terminal.ts";
import { type Style, styleFor, takesColours } from "../kit/colours.ts";

const DEFAULT_COLUMNS = 80;

/** The formats for stdout. */
export function outputStyle(): Style {
  if (takesColours(STDOUT)) resetOnInterrupt();
  return plainStyle();
}

/**
 * The same, for a command whose process is busy for long without a pause: what turns formats off at Ctrl-C would wait
 * for one. Each format has to end in the text that it begins in.
 */
export function plainStyle(): Style {
  return styleFor(takesColours(STDOUT));
}

/** The columns of the terminal on stdout, as it is now. */
export function outputColumns(): number {
  if (isTerminal(STDOUT)) {
    const [columns] = process.stdout.getWindowSize();
    if (columns > 0) return columns;
  }
  // A terminal on a serial line does not know its size, and neither does a pipe.
  const given = Number(process.env.COLUMNS);
  return Number.isInteger(given) && given > 0 ? given : DEFAULT_COLUMNS;
}

let resets = false;

/** Turns the formats off when Ctrl-C ends the process: it may come between their begin and their end. */
function resetOnInterrupt(): void {
  if (resets) return;
  resets = true;
  process.once("SIGINT", () => {
    process.stdout.write("\x1b[0m", () => process.kill(process.pid, "SIGINT"));
  });
}
