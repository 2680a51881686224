import type { Database } from "bun:sqlite";
import { XsError } from "../frame/error.ts";
import { hashOf } from "../frame/hash.ts";
import { ContentFiles } from "./content-files.ts";
import { MAX_PASSING, PassingContent } from "./passing-content.ts";
import type { TakenContent } from "./store.ts";

/** Content up to this size, in bytes, rides in the commit of its frame. */
export const STAGED_MAX = 64 * 1024;
/** Staged bytes at which new content waits until some of them have settled. */
const STAGED_FULL = 64 * 1024 * 1024;
/** Files written at the same time while settling. */
const SETTLE_PARALLEL = 8;
/** Staged contents read from SQLite at a time. */
const SETTLE_BATCH = 64;

/** Codes of a full disk, the system's and ours. */
const FULL = new Set(["ENOSPC", "EDQUOT", "disk_full"]);

/** What the content needs of the store around it. */
export interface ContentHost {
  readonly db: Database;
  /** Runs a write in the next commit. */
  write(run: () => void): Promise<void>;
  /** Reports a failure that no caller waits for. */
  failed(error: Error): void;
}

/**
 * Content by its hash, in two homes: small content is committed with its frame, in the table
 * `staged`, and settles into files in the background; large content goes to a file at once. Readers
 * never know which.
 */
export class ContentStore {
  readonly #host: ContentHost;
  readonly #files: ContentFiles;
  readonly #passing = new PassingContent();
  #settling: Promise<void> | undefined;
  /** Resolves when the next contents have settled, or settling has ended. */
  #batch = Promise.withResolvers<void>();
  #stagedBytes: number;
  #stopped = false;

  constructor(host: ContentHost, directory: string) {
    this.#host = host;
    this.#files = new ContentFiles(directory);
    const sum = host.db.query("SELECT coalesce(sum(length(bytes)), 0) AS bytes FROM staged").get();
    this.#stagedBytes = (sum as { bytes: number }).bytes;
  }

  /**
   * Takes a body in: null if it is empty. Small content comes back with its bytes and is durable
   * only when `append` or `keep` has it; large content is durable now.
   *
   * Rejects, keeping nothing, if the body breaks off.
   *
   * @param passing for an ephemeral frame: to be kept in memory only
   * @throws XsError `body_too_large` where passing content is larger than memory should hold
   */
  async take(
    body: ReadableStream<Uint8Array> | null,
    passing = false,
  ): Promise<TakenContent | null> {
    if (!body) return null;
    const most = passing ? MAX_PASSING : STAGED_MAX;
    const reader = body.getReader();
    const head: Uint8Array[] = [];
    let size = 0;
    while (size <= most) {
      const { value, done } = await reader.read();
      if (done) return this.takeBytes(Buffer.concat(head), passing);
      head.push(value);
      size += value.length;
    }
    if (passing) {
      await reader.cancel();
      throw new XsError(
        "body_too_large",
        `the content of an ephemeral frame is at most ${MAX_PASSING} bytes: give it another ttl`,
      );
    }
    return await this.#files.put(rest(head, reader));
  }

  /** Takes in content that is in memory, of at most {@link STAGED_MAX} bytes: null if it is empty. */
  async takeBytes(bytes: Uint8Array, passing = false): Promise<TakenContent | null> {
    if (bytes.length === 0) return null;
    const content = { hash: hashOf(bytes), size: bytes.length, bytes };
    if (passing) return { ...content, passing };
    // Content that comes faster than it settles waits here, instead of filling the database.
    while (this.#settling && this.#stagedBytes > STAGED_FULL) await this.#batch.promise;
    return content;
  }

  /**
   * The content of a hash, its bytes checked; undefined where there is none.
   *
   * @throws XsError `content_damaged`
   */
  async open(hash: string): Promise<Blob | undefined> {
    const passing = this.#passing.get(hash);
    if (passing) return new Blob([passing as Uint8Array<ArrayBuffer>]);
    const staged = this.#staged(hash);
    if (staged) return staged;
    // It may settle while the file is looked for, but it is never in neither place.
    return (await this.#files.open(hash)) ?? this.#staged(hash) ?? (await this.#files.open(hash));
  }

  /** How many contents are not in cacache yet. */
  stagedCount(): number {
    const row = this.#host.db.query("SELECT count(*) AS n FROM staged").get();
    return (row as { n: number }).n;
  }

  /** Stages content; to be called inside a write. */
  stage(content: TakenContent): void {
    if (!content.bytes) return;
    if (content.passing) {
      this.#passing.put(content.hash, content.bytes);
      return;
    }
    const { changes } = this.#host.db
      .query("INSERT OR IGNORE INTO staged (hash, bytes) VALUES (?, ?)")
      .run(content.hash, content.bytes);
    if (changes > 0) this.#stagedBytes += content.size;
  }

  /** Drops passing content that is due, and starts settling in the background, if it is not on its way already. */
  startSettling(): void {
    this.#passing.sweep();
    if (this.#settling || this.#stopped) return;
    this.#settling = this.#settleAll()
      .catch((error: { code?: string } & Error) => {
        // A full disk passes: what is staged is safe where it is, and settles later.
        if (!FULL.has(error.code ?? "")) this.#host.failed(error);
      })
      .finally(() => {
        this.#settling = undefined;
        this.#endBatch();
      });
  }

  /** Settles what is staged, as the last thing before the store closes, for `ms` at most. */
  async finish(ms: number): Promise<void> {
    this.startSettling();
    const late = setTimeout(() => {
      this.#stopped = true;
    }, ms);
    await this.#settling;
    clearTimeout(late);
    this.#stopped = true;
  }

  async #settleAll(): Promise<void> {
    const next = this.#host.db.query(
      `SELECT seq, hash, bytes FROM staged ORDER BY seq LIMIT ${SETTLE_BATCH}`,
    );
    const forget = this.#host.db.query("DELETE FROM staged WHERE seq = ?");
    while (!this.#stopped) {
      const rows = next.all() as { seq: number; hash: string; bytes: Uint8Array }[];
      if (rows.length === 0) return;
      const queue = rows.values();
      const worker = async () => {
        for (const { bytes } of queue) await this.#files.put([bytes]);
      };
      await Promise.all(Array.from({ length: SETTLE_PARALLEL }, worker));
      await this.#host.write(() => {
        for (const { seq } of rows) forget.run(seq);
      });
      for (const { bytes } of rows) this.#stagedBytes -= bytes.length;
      this.#endBatch();
    }
  }

  #endBatch(): void {
    this.#batch.resolve();
    this.#batch = Promise.withResolvers();
  }

  #staged(hash: string): Blob | undefined {
    const row = this.#host.db.query("SELECT bytes FROM staged WHERE hash = ?").get(hash) as {
      bytes: Uint8Array;
    } | null;
    if (!row) return undefined;
    if (hashOf(row.bytes) !== hash) return undefined;
    return new Blob([row.bytes as Uint8Array<ArrayBuffer>]);
  }
}

async function* rest(
  head: Uint8Array[],
  reader: { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> },
): AsyncGenerator<Uint8Array> {
  yield* head;
  for (;;) {
    const { value, done } = await reader.read();
    if (done || !value) return;
    yield value;
  }
}
