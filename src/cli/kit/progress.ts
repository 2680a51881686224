import { STDERR } from "../../lib/is-terminal.ts";
import { takesEscapes } from "./colours.ts";

const WIDTH = 30;
/** The shortest time between two drawings of a bar. */
const REDRAW_MS = 100;

/** A progress bar on stderr; it draws nothing where stderr is no terminal that can erase it. */
export class Progress implements Disposable {
  readonly #shown = takesEscapes(STDERR);
  #drawnAt = 0;

  /** @param part from 0 to 1 */
  show(what: string, part: number): void {
    const now = performance.now();
    if (!this.#shown || now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    const filled = Math.round(Math.min(part, 1) * WIDTH);
    const bar = "#".repeat(filled).padEnd(WIDTH, ".");
    process.stderr.write(
      `\r${what.padEnd(9)}[${bar}] ${Math.floor(Math.min(part, 1) * 100)} %\x1b[K`,
    );
  }

  /** Erases the bar. Call it before anything else is written. */
  clear(): void {
    if (this.#drawnAt > 0) process.stderr.write("\r\x1b[K");
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}

/** Passes chunks on. @param onBytes receives how many bytes came so far */
export async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
) {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    onBytes(bytes);
    yield chunk;
  }
}
