import { type ErrorCode, XsError } from "../../../core/error.ts";
import { hashInLine, linesIn, pageOf } from "../../../core/frame.ts";
import { encodeInline, MAX_INLINE_CONTENT, withInline } from "../../../core/inline-content.ts";
import type { InlinedPage } from "../../content.ts";
import { onceThereAreFiles } from "../../failures.ts";
import type { ContentReaders } from "./readers.ts";

/** After this many bytes in the lines, the other lines come with the next call. */
const MAX_BYTES = 512 * 1024;
/** Fewer bytes of frames are done before a thread has started. */
const MIN_BYTES_IN_THREAD = 8 * 1024;

/** The errors of one content, which say nothing of the others. */
const OF_CONTENT = new Set<ErrorCode>([
  "content_not_found",
  "content_damaged",
  "frame_damaged",
  "journal_unreachable",
]);

/** The part of the content that this uses. */
export interface InlineUses {
  readonly readers: ContentReaders;
  /** The bytes of content that is in memory or in the database, checked. @throws XsError `content_damaged` */
  bytesAtHand(hash: string): Uint8Array | undefined;
  open(hash: string): Promise<Blob | undefined>;
  sizeOf(hash: string): number | undefined;
  /** The size that content had when its file was written; undefined where nothing tells. */
  writtenSize(hash: string): number | undefined;
}

/** Adds content to the lines of its frames. */
export class InlineContent {
  readonly #uses: InlineUses;

  constructor(uses: InlineUses) {
    this.#uses = uses;
  }

  /** As `Content.inline`. */
  async add(page: Uint8Array): Promise<InlinedPage> {
    const done =
      page.length < MIN_BYTES_IN_THREAD ? undefined : await this.#uses.readers.read(page);
    if (!done) return this.#addTo(page);
    const { bytes, taken, undecided } = done;
    if (undecided.length === 0) return { bytes, taken };
    return await this.#addRest(page, linesIn(bytes), new Set(undecided));
  }

  /** Adds content to all lines of a page, here. */
  #addTo(page: Uint8Array): Promise<InlinedPage> {
    const lines = linesIn(page);
    return this.#addRest(page, lines, new Set(lines.keys()));
  }

  /**
   * Adds the content of some lines: what threads leave to this one is in memory or in the database, or missing, or
   * damaged.
   *
   * @param lines the first lines of `page`, some with their content
   * @param undecided the numbers of those without
   */
  async #addRest(
    page: Uint8Array,
    lines: readonly string[],
    undecided: ReadonlySet<number>,
  ): Promise<InlinedPage> {
    const whole: string[] = [];
    let size = 0;
    for (const [number, line] of lines.entries()) {
      if (size >= MAX_BYTES) break;
      const hash = undecided.has(number) ? hashInLine(line) : null;
      const member = hash === null ? undefined : this.#memberAtHand(hash);
      if (hash === null) whole.push(line);
      else whole.push(withInline(line, member ?? (await this.#member(hash))));
      size += whole.at(-1)?.length ?? 0;
    }
    return { bytes: pageOf(whole), taken: endOfLine(page, whole.length) };
  }

  /** The member of content that is in memory or in the database. */
  #memberAtHand(hash: string): string | undefined {
    try {
      const bytes = this.#uses.bytesAtHand(hash);
      if (bytes === undefined) return undefined;
      const isSmall = bytes.length <= MAX_INLINE_CONTENT;
      return isSmall ? encodeInline(bytes) : `"content_size":${bytes.length}`;
    } catch (error) {
      return errorMember(error);
    }
  }

  /** The member of one content, wherever it is. */
  async #member(hash: string): Promise<string> {
    const size = this.#uses.sizeOf(hash) ?? 0;
    if (size > MAX_INLINE_CONTENT) {
      const isWhole = (this.#uses.writtenSize(hash) ?? size) === size;
      return isWhole ? `"content_size":${size}` : '"content_error":"content_damaged"';
    }
    try {
      const content = await onceThereAreFiles(() => this.#uses.open(hash));
      if (!content) return '"content_error":"content_not_found"';
      return encodeInline(await content.bytes());
    } catch (error) {
      return errorMember(error);
    }
  }
}

/** The member for content that cannot be read. @throws the error if it is not the content that is at fault */
function errorMember(error: unknown): string {
  if (!(error instanceof XsError) || !OF_CONTENT.has(error.code)) throw error;
  return `"content_error":"${error.code}"`;
}

/** Where a line of a page ends. @param count its number, from 1 */
function endOfLine(page: Uint8Array, count: number): number {
  let end = 0;
  for (let number = 0; number < count; number++) end = page.indexOf(10, end) + 1;
  return end;
}
