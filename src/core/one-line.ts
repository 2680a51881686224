/** Longest line, in characters. */
const MOST = 300;

/** A text as one line for a terminal: what came from outside is shown, not obeyed. */
export function oneLine(text: string): string {
  const shown = text
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`)
    .trim();
  return shown.length > MOST ? `${shown.slice(0, MOST)}…` : shown;
}

/** So much time lies between two lines of the same kind, in ms. */
const PAUSE_MS = 1000;

/** Decides which lines are told of a kind of which whoever sends frames makes as many as they like. */
export class Seldom {
  #next = 0;
  #untold = 0;

  /** How many were left untold since the last one; undefined where this one is not to be told. */
  turn(): number | undefined {
    const now = performance.now();
    if (now < this.#next) {
      this.#untold++;
      return undefined;
    }
    this.#next = now + PAUSE_MS;
    const untold = this.#untold;
    this.#untold = 0;
    return untold;
  }
}
