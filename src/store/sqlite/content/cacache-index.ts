import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { PRIVATE_FILE } from "../../modes.ts";
import { missing, type SyncedFolders } from "./synced-folders.ts";

/** Content that is durable. */
export interface StoredContent {
  readonly hash: string;
  /** In bytes. */
  readonly size: number;
}

// cacache takes a few milliseconds to load, and most commands need none of it.
const loadCacache = async () => (await import("cacache")).default;

/**
 * The size in bytes of some content as cacache's index has it; undefined where no entry tells. Reads one small file.
 *
 * @param root the cacache directory
 */
export function indexedSize(root: string, hash: string): number | undefined {
  let bucket: string;
  try {
    bucket = readFileSync(bucketOf(root, hash), "utf8");
  } catch {
    return undefined;
  }
  for (const line of bucket.split("\n").reverse()) {
    const [sum, entry] = line.split("\t");
    if (entry === undefined || new Bun.CryptoHasher("sha1").update(entry).digest("hex") !== sum)
      continue;
    const { key, size } = JSON.parse(entry) as { key?: unknown; size?: unknown };
    if (key === hash) return typeof size === "number" ? size : undefined;
  }
  return undefined;
}

/** Where cacache keeps the entry of some content, by the hash of its key. */
function bucketOf(root: string, hash: string): string {
  const hex = new Bun.CryptoHasher("sha256").update(hash).digest("hex");
  return join(root, "index-v5", hex.slice(0, 2), hex.slice(2, 4), hex.slice(4));
}

/** The index of cacache, with one entry a content whose key is its hash. */
export class CacacheIndex {
  readonly #root: string;
  readonly #folders: SyncedFolders;

  /** @param root the cacache directory */
  constructor(root: string, folders: SyncedFolders) {
    this.#root = root;
    this.#folders = folders;
  }

  /** Whether cacache finds a content by its hash. */
  async has(hash: string): Promise<boolean> {
    const cacache = await loadCacache();
    return (await cacache.get.info(this.#root, hash))?.integrity === hash;
  }

  /**
   * Writes the entry, if there is none: before the file gets its place, so that none is ever without. Returns whether
   * it wrote one.
   */
  async add({ hash, size }: StoredContent): Promise<boolean> {
    const path = this.#bucketOf(hash);
    if (existsSync(path) && (await this.has(hash))) return false;
    const entry = JSON.stringify({ key: hash, integrity: hash, time: Date.now(), size });
    const sum = new Bun.CryptoHasher("sha1").update(entry).digest("hex");
    this.#folders.make(dirname(path));
    appendFileSync(path, `\n${sum}\t${entry}`, { mode: PRIVATE_FILE });
    return true;
  }

  /** Writes the entry, if there is none, and syncs it. */
  async addDurably(stored: StoredContent): Promise<void> {
    for (;;) {
      await this.add(stored);
      // An entry that was there may not be synced yet; or the collector takes it off this moment.
      if (await this.sync(stored.hash).then(() => true, missing)) return;
    }
  }

  /** Syncs the entry and the folders on the way to it. Rejects where there is none. */
  sync(hash: string): Promise<void> {
    return this.#folders.sync(this.#bucketOf(hash));
  }

  async remove(hash: string): Promise<void> {
    const cacache = await loadCacache();
    await cacache.rm.entry(this.#root, hash, { removeFully: true });
  }

  #bucketOf(hash: string): string {
    return bucketOf(this.#root, hash);
  }
}
