import type { Style } from "../kit/colours.ts";

/** A thin line with a word in it, as wide as the terminal. */
export function rule(word: string, columns: number, style: Style): string {
  const text = `── ${word} `;
  return style.dim(text + "─".repeat(Math.max(columns - text.length, 2)));
}
