import type { TakenContent } from "./types.ts";

/**
 * Content up to this size, in bytes, is as well taken and read whole, in memory. Larger content is better taken as a
 * stream.
 */
export const MAX_SMALL_CONTENT = 64 * 1024;

/** The first lines of a page of frames, with their content: at least one. */
export interface InlinedPage {
  /** NDJSON. */
  readonly bytes: Uint8Array;
  /** The bytes of the page that these lines were: the rest is for another call. */
  readonly taken: number;
}

/** Content by its hash. */
export interface Content {
  /**
   * Takes a body in, a stream or bytes in memory: null if it is empty. What it returns goes to an append or to
   * {@link keep}, which make it durable, or to {@link unpin}. Waits where content comes faster than the store can file
   * it.
   *
   * Rejects, keeping nothing, if the body breaks off.
   *
   * @param ephemeral for an ephemeral frame: to be kept in memory only
   * @throws XsError `body_too_large` where ephemeral content is larger than memory should hold
   */
  take(
    body: ReadableStream<Uint8Array> | Uint8Array | null,
    ephemeral?: boolean,
  ): Promise<TakenContent | null>;
  /** Makes content durable to which no frame of this store refers yet. */
  keep(...contents: readonly TakenContent[]): Promise<void>;
  /** Gives up content that was taken, and that neither an append nor {@link keep} gets. */
  unpin(content: TakenContent | null): void;

  /** The content of a hash, its bytes checked; undefined where there is none. @throws XsError `content_damaged` */
  open(hash: string): Promise<Blob | undefined>;
  /**
   * Adds a last key to the lines of frames: `content`, the text of the content; `content_base64`, if it is not UTF-8;
   * `content_size`, if it is larger than `MAX_INLINE_CONTENT`; `content_error`, the code of the error, if it is
   * damaged or missing; none, if the frame has no content. The bytes are checked. It reads the contents of many lines
   * together, but no more bytes than memory should hold for one reader.
   *
   * @param page NDJSON, at least one line
   * @throws XsError `too_many_files`
   */
  inline(page: Uint8Array): Promise<InlinedPage>;
  /** The size of a content in bytes; undefined where the store has none of this hash. Does not read it. */
  sizeOf(hash: string): number | undefined;
}
