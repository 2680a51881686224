import { createReadStream, type Stats } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { XsError } from "../frame/error.ts";
import { hashOf } from "../frame/hash.ts";

const ALGORITHM = "sha256";

/** Content that is durable. */
export interface StoredContent {
  readonly hash: string;
  /** In bytes. */
  readonly size: number;
}

// cacache takes a few milliseconds to load, and most commands need none of it.
const loadCacache = async () => (await import("cacache")).default;

/**
 * Content as files, in the layout and with the index of cacache, one entry a content with its hash
 * for a key, so that cacache's own `get` and `verify` work on the directory. The files are written
 * here, because cacache syncs nothing, leaves its temporary file open when a source breaks off, and
 * keeps a damaged file that is in the way.
 */
export class ContentFiles {
  readonly #root: string;
  /** Files whose bytes were checked, with the state they were in then. */
  readonly #verified = new Map<string, string>();
  readonly #syncedDirectories = new Set<string>();
  #prepared: Promise<void> | undefined;

  /** @param root the cacache directory */
  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Puts content with flat memory. When it resolves the content would survive a power cut; when the
   * source breaks it rejects and nothing is kept.
   */
  async put(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<StoredContent> {
    this.#prepared ??= this.#prepare();
    await this.#prepared;
    const temporary = join(this.#root, "tmp", crypto.randomUUID());
    try {
      const stored = await writeFile(temporary, chunks);
      await this.#place(temporary, stored.hash);
      const cacache = await loadCacache();
      await cacache.index.insert(this.#root, stored.hash, stored.hash, { size: stored.size });
      return stored;
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /**
   * The content's file, its bytes checked; undefined where there is none.
   *
   * @throws XsError `content_damaged`
   */
  async open(hash: string): Promise<Blob | undefined> {
    const path = this.pathOf(hash);
    const state = await stat(path).catch(missing);
    if (!state) return undefined;
    if (this.#verified.get(hash) !== signature(state)) {
      if (!(await this.#sound(hash))) {
        throw new XsError(
          "content_damaged",
          `the stored content of ${hash} is damaged; append it again to mend it`,
        );
      }
      this.#verified.set(hash, signature(state));
      if (this.#verified.size > 10_000) this.#verified.clear();
    }
    return Bun.file(path);
  }

  async has(hash: string): Promise<boolean> {
    return (await stat(this.pathOf(hash)).catch(missing)) !== undefined;
  }

  /** Where cacache keeps this content: two levels of two hexadecimal digits. */
  pathOf(hash: string): string {
    const hex = Buffer.from(hash.slice(ALGORITHM.length + 1), "base64").toString("hex");
    const parts = [hex.slice(0, 2), hex.slice(2, 4), hex.slice(4)];
    return join(this.#root, "content-v2", ALGORITHM, ...parts);
  }

  /** Makes the directory, and clears what an earlier process was writing when it was killed. */
  async #prepare(): Promise<void> {
    const temporary = join(this.#root, "tmp");
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true });
    await syncPath(dirname(this.#root));
  }

  /** Moves a synced file to its place, over a damaged one but not over a sound one. */
  async #place(temporary: string, hash: string): Promise<void> {
    const path = this.pathOf(hash);
    if ((await this.has(hash)) && (await this.#sound(hash))) {
      await rm(temporary);
    } else {
      await mkdir(dirname(path), { recursive: true });
      await rename(temporary, path);
    }
    await this.#syncDirectories(path);
  }

  async #sound(hash: string): Promise<boolean> {
    const path = this.pathOf(hash);
    const { size } = await stat(path);
    if (size <= 1024 * 1024) return hashOf(await Bun.file(path).bytes()) === hash;
    const hasher = new Bun.CryptoHasher(ALGORITHM);
    for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
      hasher.update(chunk as Buffer);
    }
    return `${ALGORITHM}-${hasher.digest("base64")}` === hash;
  }

  /** Syncs the directories on the way to a file. */
  async #syncDirectories(path: string): Promise<void> {
    // The directory that holds the file is synced every time, one above it for each new entry.
    await syncPath(dirname(path));
    for (let dir = dirname(path); dir !== this.#root; dir = dirname(dir)) {
      if (this.#syncedDirectories.has(dir)) return;
      await syncPath(dirname(dir));
      this.#syncedDirectories.add(dir);
    }
  }
}

/** Writes and syncs a new file. */
async function writeFile(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<StoredContent> {
  const hasher = new Bun.CryptoHasher(ALGORITHM);
  const file = await open(path, "wx");
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

function missing(error: { code?: string }): undefined {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
  throw error;
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
