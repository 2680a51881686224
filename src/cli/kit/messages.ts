import { type ConsolaReporter, createConsola } from "consola/core";
import { visible } from "../../core/visible.ts";
import { STDERR } from "../../lib/is-terminal.ts";
import { styleFor, takesColours } from "./colours.ts";

const style = styleFor(takesColours(STDERR));
/** The console of Linux has few characters. */
const isSparse = process.env.TERM === "linux";

/** The head of a message by its type; a badge has empty lines around its message. */
const HEADS: Readonly<Record<string, { readonly head: string; readonly isBadge?: boolean }>> = {
  error: { head: style.failure(" ERROR "), isBadge: true },
  warn: { head: style.warning(" WARN "), isBadge: true },
  info: { head: style.bold(isSparse ? "i" : "ℹ") },
  success: { head: style.bold(isSparse ? "√" : "✔") },
};

// Not consola's own: its colours depend on stdout, though these messages go to stderr.
const reporter: ConsolaReporter = {
  log({ type, args }) {
    const { head, isBadge } = HEADS[type] ?? { head: type };
    // A message may quote what came from outside.
    const text = visible(args.map(String).join(" "), "\n\t").replaceAll(
      /`([^`]+)`/g,
      (_, quoted: string) => style.bold(quoted),
    );
    const line = `${head} ${text}\n`;
    process.stderr.write(isBadge ? `\n${line}\n` : line);
  },
};

/** Messages for the person at the terminal. They go to stderr: stdout is for what programs read. */
export const messages = createConsola({ reporters: [reporter] });
