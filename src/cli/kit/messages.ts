import { createConsola } from "consola";

/** Messages for the person at the terminal. They go to stderr: stdout is for what programs read. */
export const messages = createConsola({
  stdout: process.stderr,
  stderr: process.stderr,
  formatOptions: { date: false, colors: process.stderr.isTTY === true },
});
