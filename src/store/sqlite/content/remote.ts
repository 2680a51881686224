import { quoted, XsError } from "../../../core/error.ts";
import { diskFull, isNoSpace } from "../../failures.ts";
import type { Blobs } from "../../journal/journal.ts";
import type { TakenContent } from "../../types.ts";
import type { BlobRows } from "../replica/blob-rows.ts";
import type { ContentFiles } from "./cacache-files.ts";
import type { ContentFolder } from "./folder.ts";

/** The prefix of the blobs that have content: the rest is its hash, and what tells two puts of it apart. */
export const CONTENT_PREFIX = "c/";
/** The most contents that are fetched at once. */
const MAX_AT_ONCE = 4;
/** So long after the journal was out of reach, nothing is tried: a page of frames must not wait for each content. */
const SILENT_MS = 2000;

/** What fetches content. */
export interface RemoteUses {
  readonly blobs: Blobs;
  readonly rows: BlobRows;
  readonly files: ContentFiles;
  readonly folder: ContentFolder;
}

/**
 * Large content of a store on several machines. It is in a blob, and in files of the nodes that took it or read it: a
 * node fetches what it has to read, checks it, and keeps the copy.
 */
export class RemoteContent {
  readonly #uses: RemoteUses;
  readonly #running = new Map<string, Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  /** Content whose blob could not be read: it is put there again when this node takes it. */
  readonly #broken = new Set<string>();
  #slots = MAX_AT_ONCE;
  #silence: { readonly until: number; readonly error: XsError } | undefined;
  #stopped = false;
  /** Called when a content was read. */
  used: (hash: string) => void = () => {};
  /** Called when a content was fetched. @param size in bytes */
  fetched: (hash: string, size: number) => void = () => {};

  constructor(uses: RemoteUses) {
    this.#uses = uses;
  }

  has(hash: string): boolean {
    return this.#uses.rows.find(hash) !== undefined;
  }

  /** The hashes of all, in no order. */
  hashes(): string[] {
    return this.#uses.rows.all().map(({ hash }) => hash);
  }

  /** The hashes of those that were put before a time, in ms since 1970. @throws XsError `journal_unreachable` */
  async *hashesBefore(time: number): AsyncGenerator<string> {
    const { blobs, rows } = this.#uses;
    for await (const { name, ms } of blobs.list(CONTENT_PREFIX)) {
      const [hash = ""] = name.slice(CONTENT_PREFIX.length).split(".");
      if (ms < time && rows.find(hash)?.name === name) yield hash;
    }
  }

  /**
   * The file of a content, fetched if it is not here, or damaged. Undefined where it was freed.
   *
   * @throws XsError `content_not_found`, `content_damaged`, `journal_unreachable`, `disk_full`
   */
  async open(hash: string): Promise<Blob | undefined> {
    this.used(hash);
    return (await this.#openHere(hash)) ?? (await this.fetch(hash));
  }

  /** Fetches a content that is not here; several calls at once fetch it once. As {@link open}. */
  async fetch(hash: string): Promise<Blob | undefined> {
    let running = this.#running.get(hash);
    if (!running) {
      running = this.#inSlot(() => this.#fetch(hash)).finally(() => this.#running.delete(hash));
      this.#running.set(hash, running);
    }
    await running;
    return this.#openHere(hash);
  }

  /** Reads the blob of a content, and keeps nothing. @throws XsError as {@link open} */
  async check(hash: string): Promise<void> {
    await this.#inSlot(async () => {
      const hasher = new Bun.CryptoHasher("sha256");
      try {
        for await (const chunk of (await this.#blob(hash)) ?? []) hasher.update(chunk);
      } catch (error) {
        throw this.#translate(hash, error as Error);
      }
      if (this.has(hash) && `sha256-${hasher.digest("base64")}` !== hash) throw damaged(hash);
    });
  }

  /** Puts large content that this node has taken into a blob, unless one has it. */
  async put(content: TakenContent): Promise<TakenContent> {
    const { hash, bytes, known } = content;
    if (bytes || known) return content;
    const { blobs, rows } = this.#uses;
    const row = rows.find(hash);
    if (row && !this.#broken.has(hash) && (await this.#exists(row.name))) {
      // It may be freed before the write comes to its place: that is refused then.
      return { ...content, known: true };
    }
    const file = await this.#uses.files.open(hash);
    if (!file) return { ...content, known: true };
    const name = row?.name ?? `${CONTENT_PREFIX}${hash}.${crypto.randomUUID()}`;
    await blobs.put(name, file.stream());
    this.#broken.delete(hash);
    return row ? { ...content, known: true } : { ...content, blob: name };
  }

  /** Gives up what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#running.values());
  }

  async #openHere(hash: string): Promise<Blob | undefined> {
    try {
      return await this.#uses.files.open(hash);
    } catch (error) {
      // The blob has it whole.
      if (error instanceof XsError && error.code === "content_damaged") return undefined;
      throw error;
    }
  }

  async #fetch(hash: string): Promise<void> {
    const { files, folder, rows } = this.#uses;
    try {
      const blob = await this.#blob(hash);
      if (!blob) return;
      await folder.prepare();
      const { size } = await files.put(this.#chunksOf(blob), (found) => {
        if (found !== hash) throw damaged(hash);
      });
      // A commit may have freed it meanwhile, before its file was there to be removed.
      if (rows.find(hash)) {
        this.#broken.delete(hash);
        this.fetched(hash, size);
        return;
      }
      files.remove(hash);
      await files.removeIndex([hash]);
    } catch (error) {
      throw this.#translate(hash, error as Error);
    }
  }

  /** The bytes of its blob; undefined where the content was freed. */
  async #blob(hash: string): Promise<ReadableStream<Uint8Array> | undefined> {
    const { blobs, rows } = this.#uses;
    const row = rows.find(hash);
    if (!row) return undefined;
    if (this.#silence && performance.now() < this.#silence.until) throw this.#silence.error;
    const blob = await blobs.open(row.name);
    if (blob || rows.find(hash)?.name !== row.name) return blob;
    throw new XsError(
      "content_not_found",
      `the content ${hash} is not on this node, and its blob ${quoted(row.name)} is gone from the journal: read it on a node that has a copy, or append it again to mend it`,
    );
  }

  async *#chunksOf(blob: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of blob) {
      if (this.#stopped) throw new XsError("store_closed", "the store is closed");
      yield chunk;
    }
  }

  #translate(hash: string, error: Error): Error {
    if (isNoSpace(error)) return diskFull(error);
    if (!(error instanceof XsError)) return error;
    switch (error.code) {
      case "journal_unreachable": {
        if (this.#silence?.error === error) return error;
        const clearer = new XsError(
          error.code,
          `the content ${hash} is not on this node, and the journal, which has it, is out of reach: try again, or read it on a node that has a copy`,
          { cause: error },
        );
        this.#silence = { until: performance.now() + SILENT_MS, error: clearer };
        return clearer;
      }
      case "content_not_found":
        this.#broken.add(hash);
        return error;
      case "content_damaged":
      case "journal_damaged":
        this.#broken.add(hash);
        return error.message === damaged(hash).message ? error : damaged(hash, error);
      default:
        return error;
    }
  }

  async #exists(name: string): Promise<boolean> {
    const blob = await this.#uses.blobs.open(name);
    await blob?.cancel();
    return blob !== undefined;
  }

  async #inSlot<T>(run: () => Promise<T>): Promise<T> {
    if (this.#slots > 0) this.#slots--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await run();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#slots++;
    }
  }
}

function damaged(hash: string, cause?: Error): XsError {
  const why = cause ? ` (${cause.message})` : "";
  return new XsError(
    "content_damaged",
    `the content ${hash} is not on this node, and its blob is damaged${why}: read it on a node that has a copy, or append it again to mend it`,
    { cause },
  );
}
