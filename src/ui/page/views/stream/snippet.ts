import type { Snippet } from "../../../../core/search-match.ts";

/** A part of a text, and whether the search found it. */
export interface Piece {
  readonly text: string;
  readonly isMatch: boolean;
}

/** Parts the text of a snippet at what the search found. */
export function piecesOf({ text, matches }: Pick<Snippet, "text" | "matches">): Piece[] {
  const chars = [...text];
  const pieces: Piece[] = [];
  let at = 0;
  const add = (end: number, isMatch: boolean) => {
    if (end > at) pieces.push({ text: chars.slice(at, end).join(""), isMatch });
    at = Math.max(at, end);
  };
  for (const [from, to] of matches) {
    add(from, false);
    add(to, true);
  }
  add(chars.length, false);
  return pieces;
}
