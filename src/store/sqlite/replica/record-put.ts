import { XsError } from "../../../core/error.ts";
import { Fenced, type Journal } from "../../journal/journal.ts";

/** The wait before a record is put again that the journal refused at once, in ms: it doubles up to the second one. */
const FIRST_RETRY_MS = 20;
const LONGEST_RETRY_MS = 1000;

/** Where a record came to be: at a position; or not at all, as another is in its place or the journal refuses it. */
export type Put = { readonly position: number } | "elsewhere" | { readonly refusal: XsError };

/** A record on its way into the journal. */
export class RecordPut {
  readonly #bytes: Uint8Array;
  #came = Promise.withResolvers<void>();
  /** The next record, once it has come. */
  #next: { readonly position: number; readonly bytes: Uint8Array } | undefined;
  #isEnded = false;
  /** Another record is in its place, and will come. */
  isFenced = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next record came by the journal: this one, or another in its place. */
  came(position: number, bytes: Uint8Array): void {
    this.#next = { position, bytes };
    this.#came.resolve();
  }

  /** Nobody waits for the outcome any more. */
  end(): void {
    this.#isEnded = true;
    this.#came.resolve();
  }

  /**
   * Puts it behind the record at a position, and again, the same bytes, until it is known whether it is there. Resolves
   * to undefined after {@link end}: the outcome is unknown then.
   */
  async run(journal: Journal, expected: number): Promise<Put | undefined> {
    let retryMs = FIRST_RETRY_MS;
    for (;;) {
      if (this.#next) {
        const { position, bytes } = this.#next;
        return Buffer.compare(bytes, this.#bytes) === 0 ? { position } : "elsewhere";
      }
      if (this.#isEnded) return undefined;
      try {
        const put = journal.append(expected, this.#bytes);
        const position = await Promise.race([put, this.#came.promise]);
        if (position !== undefined) return { position };
        put.catch(() => {});
      } catch (error) {
        if (error instanceof Fenced && !error.isBehind) {
          this.isFenced = true;
          await this.#came.promise;
        } else if (!(error instanceof XsError || error instanceof Fenced)) throw error;
        // A server that has lost the end of the journal, or lags, may come to lead: no other record comes by it then.
        else if (error instanceof XsError && error.code !== "journal_unreachable") {
          return { refusal: error };
        } else {
          await this.#rest(retryMs);
          retryMs = Math.min(LONGEST_RETRY_MS, 2 * retryMs);
        }
      }
    }
  }

  async #rest(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([promise, this.#came.promise]);
    clearTimeout(timer);
  }
}
