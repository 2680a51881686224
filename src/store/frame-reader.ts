/** A read of lines in progress. It must be read to its end or closed. */
export interface LineReader {
  /** Resolves to the next whole lines, or undefined at the end. Allows one call at a time. */
  next(): Promise<Uint8Array | undefined>;
  /** Ends the read; a `next` that waits resolves to undefined. */
  close(): void;
}

/** A read of frames in progress. One that follows waits in `next` for frames. */
export interface FrameReader extends LineReader {
  /** The position of the frames that {@link next} returned last, if they arrived late. */
  readonly position: string | undefined;
  /** Whether the reader has returned, or passed over, every live frame. */
  readonly isCaughtUp: boolean;
}
