import { createReadStream, type Stats } from "node:fs";
import { mkdir, open, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { XsError } from "../frame/error.ts";
import { hashOf } from "../frame/hash.ts";

const ALGORITHM = "sha256";
const algorithms = [ALGORITHM];

// cacache takes a few milliseconds to load, and most commands need none of it.
const loadCacache = async () => (await import("cacache")).default;

/**
 * Content as files, in cacache. What this adds to cacache: what is put is synced, file and
 * directories, before the promise resolves; a damaged file is never served and is replaced when the
 * same content is put again; and every content has an index entry with its hash for a key, so that
 * cacache's own `verify` keeps it.
 */
export class ContentFiles {
  readonly #root: string;
  /** Files whose bytes were checked, with the state they were in then. */
  readonly #verified = new Map<string, string>();
  readonly #syncedDirectories = new Set<string>();

  /** @param root the cacache directory */
  constructor(root: string) {
    this.#root = root;
  }

  /** Puts content that is in memory. */
  async put(hash: string, bytes: Uint8Array): Promise<void> {
    const cacache = await loadCacache();
    const options = { algorithms, integrity: hash };
    await cacache.put(this.#root, hash, Buffer.from(bytes), options);
    if (!(await this.#sound(hash))) {
      // cacache leaves a file that is already there, so a damaged one must go first.
      await this.remove(hash);
      await cacache.put(this.#root, hash, Buffer.from(bytes), options);
    }
    await this.#sync(hash);
  }

  /**
   * Puts content from a stream with flat memory. Rejects, keeping nothing, if the stream breaks.
   */
  async putStream(chunks: AsyncIterable<Uint8Array>): Promise<{ hash: string; size: number }> {
    const cacache = await loadCacache();
    // The hash is known only at the end; until then the entry has a key of its own.
    const key = `incoming-${crypto.randomUUID()}`;
    const sink = cacache.put.stream(this.#root, key, { algorithms });
    let size = 0;
    const hash = await new Promise<string>((resolve, reject) => {
      sink.on("integrity", (integrity: unknown) => resolve(String(integrity)));
      sink.on("error", reject);
      void (async () => {
        try {
          for await (const chunk of chunks) {
            size += chunk.length;
            if (!sink.write(Buffer.from(chunk))) await once(sink, "drain");
          }
          sink.end();
        } catch (error) {
          sink.emit("error", error);
        }
      })();
    });
    await cacache.index.insert(this.#root, hash, hash, { size });
    await cacache.rm.entry(this.#root, key, { removeFully: true });
    if (!(await this.#sound(hash))) {
      await this.remove(hash);
      throw new XsError(
        "content_damaged",
        `the stored copy of ${hash} was damaged and has been removed: send the content again`,
      );
    }
    await this.#sync(hash);
    return { hash, size };
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

  async remove(hash: string): Promise<void> {
    const cacache = await loadCacache();
    await cacache.rm.content(this.#root, hash);
    await cacache.rm.entry(this.#root, hash, { removeFully: true });
    this.#verified.delete(hash);
  }

  /** Where cacache keeps this content: two levels of two hexadecimal digits. */
  pathOf(hash: string): string {
    const hex = Buffer.from(hash.slice(ALGORITHM.length + 1), "base64").toString("hex");
    const parts = [hex.slice(0, 2), hex.slice(2, 4), hex.slice(4)];
    return join(this.#root, "content-v2", ALGORITHM, ...parts);
  }

  /** Makes sure that the cacache directory is there, and stays after a power cut. */
  async prepare(): Promise<void> {
    await mkdir(this.#root, { recursive: true });
    await syncPath(dirname(this.#root));
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

  /** Syncs the content's file, its index entry and the directories on the way to them. */
  async #sync(hash: string): Promise<void> {
    const path = this.pathOf(hash);
    await syncPath(path);
    // The directory that holds the file is synced every time, those above it once they are new.
    await syncPath(dirname(path));
    for (let dir = dirname(dirname(path)); dir !== dirname(this.#root); dir = dirname(dir)) {
      const step = `${dir}\0${path.slice(dir.length).split("/")[1]}`;
      if (this.#syncedDirectories.has(step)) break;
      await syncPath(dir);
      this.#syncedDirectories.add(step);
    }
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

function once(emitter: NodeJS.EventEmitter, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      emitter.off("error", failed);
      resolve();
    };
    const failed = (error: Error) => {
      emitter.off(event, done);
      reject(error);
    };
    emitter.once(event, done);
    emitter.once("error", failed);
  });
}
