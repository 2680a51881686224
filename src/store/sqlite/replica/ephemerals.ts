import type { FrameEffect } from "../commit/record.ts";

/** The most records for which ephemeral frames wait. */
const MAX_WAITING = 100;

/** Ephemeral frames, as the node that leads tells the others of them. They may be lost. */
export interface Told {
  /** The run of that node. */
  readonly run: string;
  /** The hash of the record with which they were appended or, if `isAfter`, after which, in hexadecimal digits. */
  readonly hash: string;
  readonly isAfter: boolean;
  readonly frames: readonly FrameEffect[];
  readonly contents: readonly { readonly hash: string; readonly bytes: Uint8Array }[];
}

/** Puts ephemeral frames into their places: those of a record wait until it is applied. */
export class Ephemerals {
  readonly #waiting = new Map<string, FrameEffect[]>();

  /** Takes what another node tells. Returns the frames whose place is now. @param chain the hash of the last record */
  hear({ hash, isAfter, frames }: Told, chain: string): readonly FrameEffect[] {
    // Among the frames of a record that readers have already there is no place any more.
    if (hash === chain) return isAfter ? frames : [];
    const waiting = this.#waiting.get(hash);
    if (waiting) waiting.push(...frames);
    else this.#waiting.set(hash, [...frames]);
    for (const oldest of this.#waiting.keys()) {
      if (this.#waiting.size <= MAX_WAITING) break;
      this.#waiting.delete(oldest);
    }
    return [];
  }

  /** The frames of a record that was applied, with the ephemeral ones that came with it and after it. */
  among(frames: readonly FrameEffect[], hash: string): readonly FrameEffect[] {
    const told = this.#waiting.get(hash);
    if (!told) return frames;
    this.#waiting.delete(hash);
    const all = [...frames, ...told];
    // Late frames stand before the frame that reports them, whatever their ids.
    const place = ({ position, id }: FrameEffect) => position ?? id;
    return all.sort((one, other) =>
      place(one) < place(other) ? -1 : place(one) > place(other) ? 1 : 0,
    );
  }
}
