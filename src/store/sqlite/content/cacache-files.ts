import {
  createReadStream,
  existsSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { XsError } from "../../../core/error.ts";
import { hashOf, hashOfDigest } from "../../../core/hash.ts";
import { syncFileSystem, syncPath } from "../../../lib/fsync.ts";
import { isOutOfFiles, onceThereAreFiles } from "../../failures.ts";
import { makePrivateFolder, PRIVATE_FILE } from "../../modes.ts";
import { CacacheIndex, type StoredContent } from "./cacache-index.ts";
import { pathInFolder } from "./content-path.ts";
import { missing, SyncedFolders } from "./synced-folders.ts";

const ALGORITHM = "sha256";
/** Content up to this size is checked at each read. */
const MAX_CHECKED_BYTES = 64 * 1024;
/** Up to this many files are synced one by one; for more, one sync of the whole file system costs less. */
const MAX_SINGLE_SYNCS = 16;
/** Index entries that are removed concurrently. */
const REMOVALS_AT_ONCE = 64;

/**
 * Content as files, in the layout and with the index of cacache, one entry a content with its hash
 * for a key, so that cacache's own `get` and `verify` work on the directory. The files are written
 * here, because cacache syncs nothing, leaves its temporary file open when a source breaks off, and
 * keeps a damaged file that is in the way.
 */
export class ContentFiles {
  /** The cacache directory. */
  readonly root: string;
  /** Files whose bytes were checked, with the state they were in then. */
  readonly #verified = new Map<string, string>();
  readonly #folders: SyncedFolders;
  readonly #index: CacacheIndex;

  /** @param root the cacache directory, made by {@link prepare} */
  constructor(root: string) {
    this.root = root;
    this.#folders = new SyncedFolders(root);
    this.#index = new CacacheIndex(root, this.#folders);
  }

  /**
   * Makes the directory in that of the store, which has to be there, and clears what an earlier process
   * was writing when it was killed.
   */
  async prepare(): Promise<void> {
    const temporary = join(this.root, "tmp");
    await rm(temporary, { recursive: true, force: true });
    makePrivateFolder(this.root);
    makePrivateFolder(temporary);
    await syncPath(dirname(this.root));
  }

  /**
   * Puts content with flat memory. When it resolves the content would survive a power cut; when the
   * source breaks it rejects and nothing is kept.
   *
   * @param placing called with the hash before the file gets its place
   */
  async put(
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    placing: (hash: string) => void = () => {},
  ): Promise<StoredContent> {
    const temporary = this.#temporary();
    try {
      const stored = await writeFile(temporary, chunks);
      placing(stored.hash);
      // Each of these may run again: what it did already stays.
      await onceThereAreFiles(() => this.#index.addDurably(stored));
      await onceThereAreFiles(() => this.#place(temporary, stored.hash));
      // Again, if the collector took it off meanwhile, with what was there before.
      if (await onceThereAreFiles(() => this.#index.add(stored))) {
        await onceThereAreFiles(() => this.#index.addDurably(stored));
      }
      return stored;
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /**
   * Puts many small contents, whose bytes are known to fit their hashes, with one sync for all. It
   * keeps its thread busy: it is for a worker, or for a process that has nothing else to do.
   */
  async putAll(contents: readonly { hash: string; bytes: Uint8Array }[]): Promise<void> {
    const moves: { temporary: string; path: string }[] = [];
    for (const { hash, bytes } of contents) {
      const path = this.pathOf(hash);
      if (holds(path, bytes)) continue;
      const temporary = this.#temporary();
      writeFileSync(temporary, bytes, { flag: "wx", mode: PRIVATE_FILE });
      this.#folders.make(dirname(path));
      moves.push({ temporary, path });
    }
    for (const { hash, bytes } of contents) await this.#index.add({ hash, size: bytes.length });
    for (const { temporary, path } of moves) renameSync(temporary, path);
    // Also syncs files that existed before: they may not be on the disk yet.
    if (contents.length > MAX_SINGLE_SYNCS && syncFileSystem(this.root)) return;
    for (const { hash } of contents) {
      // A file that was freed meanwhile needs no sync.
      await this.#index.sync(hash).catch(missing);
      await this.#folders.sync(this.pathOf(hash)).catch(missing);
    }
  }

  /** Takes a file over, which has to have this content, and moves it to its place. */
  async adopt(stored: StoredContent, file: string): Promise<void> {
    await this.#index.addDurably(stored);
    const path = this.pathOf(stored.hash);
    this.#folders.make(dirname(path));
    await rename(file, path);
    await this.#folders.syncAbove(path);
  }

  /**
   * The content's file, its bytes checked; undefined where there is none.
   *
   * @throws XsError `content_damaged`
   */
  async open(hash: string): Promise<Blob | undefined> {
    try {
      return await this.#open(hash);
    } catch (error) {
      // The latter says nothing of the content.
      if (error instanceof XsError || isOutOfFiles(error)) throw error;
      const code = (error as { code?: string }).code ?? "";
      throw new XsError(
        "content_damaged",
        `the stored content of ${hash} cannot be read (${code}): look at ${this.pathOf(hash)}`,
        { cause: error },
      );
    }
  }

  async #open(hash: string): Promise<Blob | undefined> {
    const path = this.pathOf(hash);
    const state = await stat(path).catch(missing);
    if (!state) return undefined;
    if (this.#verified.get(hash) === signature(state)) return Bun.file(path);
    // A pipe in its place would never end.
    if (!state.isFile()) {
      throw new XsError(
        "content_damaged",
        `the stored content of ${hash} is no file: look at ${path}`,
      );
    }
    // Small content is handed on as it was checked, instead of being read twice.
    const bytes = state.size <= MAX_CHECKED_BYTES ? await Bun.file(path).bytes() : undefined;
    if (bytes ? hashOf(bytes) !== hash : !(await this.isSound(hash))) {
      throw new XsError(
        "content_damaged",
        `the stored content of ${hash} is damaged; append it again to mend it`,
      );
    }
    if (bytes) return new Blob([bytes]);
    this.#verified.set(hash, signature(state));
    if (this.#verified.size > 10_000) this.#verified.clear();
    return Bun.file(path);
  }

  has(hash: string): boolean {
    return existsSync(this.pathOf(hash));
  }

  /** Removes content at once. Returns its size in bytes, or undefined where there is none. */
  remove(hash: string): number | undefined {
    const size = statSync(this.pathOf(hash), { throwIfNoEntry: false })?.size;
    if (size === undefined) return undefined;
    unlinkSync(this.pathOf(hash));
    this.#verified.delete(hash);
    return size;
  }

  /** Removes the index entries of removed contents, but of none that is there again. */
  async removeIndex(hashes: readonly string[]): Promise<void> {
    // A power cut must not bring a file back without its entry.
    if (hashes.length <= MAX_SINGLE_SYNCS || !syncFileSystem(this.root)) {
      for (const hash of hashes) await syncPath(dirname(this.pathOf(hash))).catch(missing);
    }
    for (let start = 0; start < hashes.length; start += REMOVALS_AT_ONCE) {
      const some = hashes.slice(start, start + REMOVALS_AT_ONCE);
      await Promise.all(some.map((hash) => this.#removeEntry(hash)));
    }
  }

  async #removeEntry(hash: string): Promise<void> {
    for (;;) {
      await this.#index.remove(hash);
      const size = this.stateOf(hash)?.size;
      if (size === undefined) return;
      await this.#index.addDurably({ hash, size });
      // The file may be gone again.
      if (this.has(hash)) return;
    }
  }

  /** Whether cacache finds a content by its hash. */
  isIndexed(hash: string): Promise<boolean> {
    return this.#index.has(hash);
  }

  /** The hashes of all files, in the order of their hexadecimal digits. */
  async *list(): AsyncGenerator<string> {
    const root = this.folder;
    for (const first of await names(root)) {
      const seconds = await names(join(root, first));
      // Together, as each is a wait for the disk.
      const found = seconds.map(async (second) => {
        const rests = await names(join(root, first, second));
        return rests.map((rest) => Buffer.from(first + second + rest, "hex"));
      });
      for (const digest of (await Promise.all(found)).flat()) {
        if (digest.length === 32) yield hashOfDigest(digest);
      }
    }
  }

  /** When the file of some content was written, in ms, and its size. */
  stateOf(hash: string): { writtenAt: number; size: number } | undefined {
    const state = statSync(this.pathOf(hash), { throwIfNoEntry: false });
    return state && { writtenAt: state.mtimeMs, size: state.size };
  }

  /** The folder of all files. */
  get folder(): string {
    return join(this.root, "content-v2", ALGORITHM);
  }

  /** Where cacache keeps this content. */
  pathOf(hash: string): string {
    return join(this.folder, pathInFolder(hash));
  }

  /** Moves a synced file to its place, over a damaged one but not over a sound one. */
  async #place(temporary: string, hash: string): Promise<void> {
    const path = this.pathOf(hash);
    if (this.has(hash) && (await this.isSound(hash))) {
      await rm(temporary, { force: true });
    } else {
      this.#folders.make(dirname(path));
      await rename(temporary, path);
    }
    await this.#folders.syncAbove(path);
  }

  /** Reads the file of some content and tells whether it has the hash. */
  async isSound(hash: string): Promise<boolean> {
    const path = this.pathOf(hash);
    const state = await stat(path);
    const { size } = state;
    if (!state.isFile()) return false;
    if (size <= 1024 * 1024) return hashOf(await Bun.file(path).bytes()) === hash;
    const hasher = new Bun.CryptoHasher(ALGORITHM);
    for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
      hasher.update(chunk as Buffer);
    }
    return `${ALGORITHM}-${hasher.digest("base64")}` === hash;
  }

  #temporary(): string {
    return join(this.root, "tmp", crypto.randomUUID());
  }
}

/** Whether a file has exactly these bytes. */
function holds(path: string, bytes: Uint8Array): boolean {
  const state = statSync(path, { throwIfNoEntry: false });
  if (state?.size !== bytes.length) return false;
  try {
    return readFileSync(path).equals(bytes);
  } catch (error) {
    // Freed just now.
    return missing(error as { code?: string }) ?? false;
  }
}

async function names(directory: string): Promise<string[]> {
  return ((await readdir(directory).catch(missing)) ?? []).sort();
}

/** Writes and syncs a new file. */
async function writeFile(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<StoredContent> {
  const hasher = new Bun.CryptoHasher(ALGORITHM);
  // Connections that came all at once have the last ones for a moment, before the doors are closed.
  const file = await onceThereAreFiles(() => open(path, "wx", PRIVATE_FILE));
  try {
    let size = 0;
    for await (const chunk of chunks) {
      hasher.update(chunk);
      await file.writeFile(chunk);
      size += chunk.length;
    }
    await file.sync();
    return { hash: `${ALGORITHM}-${hasher.digest("base64")}`, size };
  } finally {
    await file.close();
  }
}

function signature({ ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}
