import { STDERR } from "../../lib/is-terminal.ts";
import { takesEscapes } from "./colours.ts";

const SECOND = 1000;

/** Waits for a response that may take long, and says on a terminal what goes on once that takes more than a second. */
export async function waited<T>(response: Promise<T>, what: string): Promise<T> {
  if (!takesEscapes(STDERR)) return response;
  let seconds = 0;
  const timer = setInterval(() => {
    process.stderr.write(`\r\x1b[K${what}: ${++seconds} s`);
  }, SECOND);
  try {
    return await response;
  } finally {
    clearInterval(timer);
    if (seconds > 0) process.stderr.write("\r\x1b[K");
  }
}
