import { visible } from "../../core/visible.ts";
import { STDERR } from "../../lib/is-terminal.ts";
import { takesEscapes } from "./colours.ts";

/** Overwrites one line of stderr on a terminal; does nothing elsewhere. */
export function showProgress(text: string): void {
  if (takesEscapes(STDERR)) process.stderr.write(`\r\x1b[K${visible(text)}`);
}
