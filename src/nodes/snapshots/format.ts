import { timingSafeEqual } from "node:crypto";
import { XsError } from "../../core/error.ts";
import { hashOfDigest } from "../../core/hash.ts";
import { MAX_SMALL_CONTENT } from "../../store/content.ts";

/**
 * A snapshot is one blob: a line with its head, the database, all small content that is in files, and a MAC of all that,
 * so that whoever reads it to its end knows that a node with the cluster key has written it. The head has a MAC of its
 * own: it is read alone as well.
 */
export interface SnapshotHead {
  readonly version: 1;
  /** The name of the journal. */
  readonly journal: string;
  /** The position of the last record that is in it, and the hash of that record, in hexadecimal digits. */
  readonly position: number;
  readonly chain: string;
  /** The newest id that the store has given by then. */
  readonly newest: string;
  /** The version of the tables. */
  readonly schema: number;
  /** The size of all records up to that one, in bytes. */
  readonly recordBytes: number;
  /** The size of the database, in bytes. */
  readonly databaseBytes: number;
}

export interface SmallContent {
  readonly hash: string;
  readonly bytes: Uint8Array;
}

export const SNAPSHOT_PREFIX = "snapshot/";
const MAGIC = "xs-snapshot";
/** The longest head, in bytes. */
const MAX_HEAD = 4096;
const DIGEST = 32;
/** How much is handed on at once, in bytes. */
const CHUNK = 1024 * 1024;

/** The name of its blob: its position, and what tells two stores that begin in one journal apart. */
export function snapshotName({
  position,
  chain,
}: Pick<SnapshotHead, "position" | "chain">): string {
  return `${SNAPSHOT_PREFIX}${position}.${chain.slice(0, 16)}`;
}

/** The position in the name of a snapshot. */
export function positionIn(name: string): number {
  return Number.parseInt(name.slice(SNAPSHOT_PREFIX.length), 10);
}

/** Writes a snapshot. @param key the cluster key */
export async function* snapshotBytes(
  head: SnapshotHead,
  database: AsyncIterable<Uint8Array>,
  contents: AsyncIterable<SmallContent>,
  key: Uint8Array,
): AsyncGenerator<Uint8Array> {
  const mac = new Bun.CryptoHasher("sha256", key);
  const out = (bytes: Uint8Array): Uint8Array => {
    mac.update(bytes);
    return bytes;
  };
  const text = JSON.stringify(head);
  yield out(Buffer.from(`${MAGIC} ${macOf(text, key)} ${text}\n`));
  for await (const chunk of database) yield out(chunk);
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const { hash, bytes } of contents) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    parts.push(Buffer.from(hash.slice("sha256-".length), "base64"), length, bytes);
    size += DIGEST + 4 + bytes.length;
    if (size < CHUNK) continue;
    yield out(Buffer.concat(parts));
    parts = [];
    size = 0;
  }
  // Content without a hash is the end.
  yield out(Buffer.concat([...parts, Buffer.alloc(DIGEST + 4)]));
  yield mac.digest();
}

/** Reads a snapshot, in order: the head, the database, the contents, the end. */
export class SnapshotReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #key: Uint8Array;
  readonly #mac: Bun.CryptoHasher;
  #rest: Uint8Array = new Uint8Array();

  constructor(stream: ReadableStream<Uint8Array>, key: Uint8Array) {
    this.#chunks = (stream as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    this.#key = key;
    this.#mac = new Bun.CryptoHasher("sha256", key);
  }

  /** @throws XsError `journal_damaged` where it is none, or no node has written it */
  async head(): Promise<SnapshotHead> {
    let end = -1;
    while (end < 0 && this.#rest.length < MAX_HEAD) {
      if (!(await this.#more())) break;
      end = this.#rest.indexOf(10);
    }
    if (end < 0) throw bad("it has no head");
    const line = Buffer.from(await this.#take(end + 1)).toString();
    const [, mac = "", text = ""] = /^xs-snapshot ([0-9a-f]{64}) (.*)\n$/s.exec(line) ?? [];
    if (!isSame(Buffer.from(mac, "hex"), Buffer.from(macOf(text, this.#key), "hex"))) {
      throw bad("its head is not signed with the cluster key");
    }
    const head = JSON.parse(text) as SnapshotHead;
    if (head.version === 1) return head;
    throw new XsError("store_too_new", "a newer xs has written this snapshot: use that one");
  }

  /** The database. @param size in bytes, as the head has it */
  async *database(size: number): AsyncGenerator<Uint8Array> {
    for (let left = size; left > 0; ) {
      if (this.#rest.length === 0 && !(await this.#more())) throw bad("it is cut off");
      const chunk = await this.#take(Math.min(left, this.#rest.length));
      left -= chunk.length;
      yield chunk;
    }
  }

  /** The contents. At their end all of the snapshot is checked. */
  async *contents(): AsyncGenerator<SmallContent> {
    for (;;) {
      const digest = Buffer.from(await this.#take(DIGEST));
      const length = Buffer.from(await this.#take(4)).readUInt32BE();
      if (length > MAX_SMALL_CONTENT) throw bad("a content in it is too long");
      if (digest.every((byte) => byte === 0)) break;
      yield { hash: hashOfDigest(digest), bytes: await this.#take(length) };
    }
    const mac = this.#mac.digest();
    if (!isSame(await this.#raw(DIGEST), mac)) throw bad("it is not what a node has written");
    if (this.#rest.length > 0 || (await this.#more())) throw bad("there is more behind its end");
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #take(size: number): Promise<Uint8Array> {
    const taken = await this.#raw(size);
    this.#mac.update(taken);
    return taken;
  }

  async #raw(size: number): Promise<Uint8Array> {
    while (this.#rest.length < size) if (!(await this.#more())) throw bad("it is cut off");
    const taken = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(size);
    return taken;
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done || !value) return false;
    this.#rest = this.#rest.length === 0 ? value : Buffer.concat([this.#rest, value]);
    return true;
  }
}

function macOf(text: string, key: Uint8Array): string {
  return new Bun.CryptoHasher("sha256", key).update(text).digest("hex");
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function bad(why: string): XsError {
  return new XsError("journal_damaged", `the snapshot is not sound: ${why}`);
}
