import { XsError } from "../../core/error.ts";
import type { Effect } from "../sqlite/commit/record.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { EffectReader, EffectWriter, isSent, UnknownEffect } from "./effect-codec.ts";

/**
 * The version of the records that are written. A record is
 *
 * | bytes | |
 * |---|---|
 * | 3  | `xsr` |
 * | 1  | the version |
 * | 4  | CRC-32 of all other bytes, the lowest byte first |
 * | 32 | HMAC-SHA256, by the cluster key, of the version and the body |
 * |    | the body: `prev` (32 bytes), `nonce` (16 bytes), epoch, newest id, number of effects, the effects |
 *
 * Numbers are varints, texts are UTF-8 behind their length (`ByteWriter`), and an effect begins with its kind and, where
 * members may be missing, with a bit for each that is there (`effect-codec.ts`).
 *
 * What stands before the body is the same in every version, so that a node can say of a sound record that a newer xs
 * wrote it. A node never goes past what it does not know: its store would differ from the others from there on. To add a
 * kind of effect, or a member of one (the next bit, its value behind those that are there): raise the version, and write
 * it only into records that need it, so that nodes can be upgraded one after the other. Every version is read for ever:
 * add a record of the new one to tests/fixtures/journal/.
 */
const VERSION = 1;

const MAGIC = [0x78, 0x73, 0x72] as const;
const CRC_AT = MAGIC.length + 1;
const MAC_AT = CRC_AT + 4;
const HASH_SIZE = 32;
const BODY_AT = MAC_AT + HASH_SIZE;
const NONCE_SIZE = 16;
/** About what a frame takes, in bytes: the buffer of most records need not grow. */
const EFFECT_SIZE = 400;

/** What tells the place of a record in the journal. */
export interface RecordHead {
  /** The hash of the record before, 32 bytes; zeros for the first. */
  readonly prev: Uint8Array;
  /** Makes two records with the same effects differ, 16 bytes. */
  readonly nonce: Uint8Array;
  /** That of the leader that wrote it. */
  readonly epoch: number;
  /** The newest id that the store has given by then; "" for none. */
  readonly newest: string;
}

/** One record of the journal: one commit. */
export interface JournalRecord extends RecordHead {
  readonly effects: readonly Effect[];
}

/**
 * A record as bytes. Frames that are ephemeral are left out, and so is the row in which this store has a frame that goes.
 *
 * @param key the cluster key, 32 bytes
 */
export function encodeRecord(record: JournalRecord, key: Uint8Array): Uint8Array<ArrayBuffer> {
  const { prev, nonce, epoch, newest } = record;
  const effects = record.effects.filter(isSent);
  const writer = new ByteWriter(BODY_AT + 128 + effects.length * EFFECT_SIZE);
  for (const byte of MAGIC) writer.byte(byte);
  writer.byte(VERSION);
  writer.raw(new Uint8Array(BODY_AT - CRC_AT));
  writer.raw(checkedSize(prev, HASH_SIZE));
  writer.raw(checkedSize(nonce, NONCE_SIZE));
  writer.number(epoch);
  writer.text(newest);
  writer.number(effects.length);
  const effectWriter = new EffectWriter(writer);
  for (const effect of effects) effectWriter.write(effect);
  const { bytes } = writer;
  bytes.set(macOf(bytes, key), MAC_AT);
  viewOf(bytes).setUint32(CRC_AT, crcOf(bytes), true);
  return bytes;
}

/**
 * Inverse of {@link encodeRecord}, but for what that leaves out. The record shares no memory with the bytes.
 *
 * @throws XsError `journal_damaged`: its message says whether the bytes are damaged, were not written by this key, or
 *   are of a newer xs
 */
export function decodeRecord(bytes: Uint8Array, key: Uint8Array): JournalRecord {
  return reading(bytes, key, (reader) => {
    const head = readHead(reader);
    const effectReader = new EffectReader(reader);
    const effects: Effect[] = [];
    for (let left = reader.number(); left > 0; left--) effects.push(effectReader.read());
    if (!reader.isAtEnd) throw new RangeError("bytes follow the last effect");
    return { ...head, effects };
  });
}

/** The head alone, which spares the work on the effects. @throws XsError as {@link decodeRecord}, but for the effects */
export function headOfRecord(bytes: Uint8Array, key: Uint8Array): RecordHead {
  return reading(bytes, key, readHead);
}

/** SHA-256 of all bytes of a record, 32 bytes: what the next record has as `prev`. */
export function hashOfRecord(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Bun.CryptoHasher("sha256").update(bytes).digest());
}

function readHead(reader: ByteReader): RecordHead {
  return {
    prev: reader.raw(HASH_SIZE),
    nonce: reader.raw(NONCE_SIZE),
    epoch: reader.number(),
    newest: reader.text(),
  };
}

/** Checks a record, then reads its body. */
function reading<T>(bytes: Uint8Array, key: Uint8Array, read: (body: ByteReader) => T): T {
  check(bytes, key);
  try {
    return read(new ByteReader(bytes, BODY_AT));
  } catch (error) {
    if (error instanceof UnknownEffect) throw tooNew(error.message, error);
    if (error instanceof RangeError) throw damaged(error.message, error);
    throw error;
  }
}

function check(bytes: Uint8Array, key: Uint8Array): void {
  if (bytes.length < BODY_AT) throw damaged(`it ends after ${bytes.length} bytes`);
  if (!MAGIC.every((byte, at) => bytes[at] === byte)) throw damaged("it does not begin as one");
  if (viewOf(bytes).getUint32(CRC_AT, true) !== crcOf(bytes)) {
    throw damaged("its checksum does not match");
  }
  // Before anything that it says is believed.
  if (!crypto.timingSafeEqual(macOf(bytes, key), bytes.subarray(MAC_AT, BODY_AT))) {
    throw new XsError(
      "journal_damaged",
      "a record of the journal was not written with the cluster key of this store: someone forged it, or this node has another cluster-key file than the one that wrote it",
    );
  }
  const version = bytes[CRC_AT - 1];
  if (version !== VERSION) throw tooNew(`it has version ${version}, and this xs reads ${VERSION}`);
}

function damaged(how: string, cause?: Error): XsError {
  return new XsError("journal_damaged", `a record of the journal is damaged: ${how}`, { cause });
}

function tooNew(how: string, cause?: Error): XsError {
  return new XsError(
    "journal_damaged",
    `a newer xs wrote a record of the journal: ${how}; upgrade xs on this node`,
    { cause },
  );
}

function macOf(bytes: Uint8Array, key: Uint8Array): Buffer {
  const hasher = new Bun.CryptoHasher("sha256", checkedSize(key, HASH_SIZE));
  return hasher.update(bytes.subarray(0, CRC_AT)).update(bytes.subarray(BODY_AT)).digest();
}

function crcOf(bytes: Uint8Array): number {
  const head = Bun.hash.crc32(bytes.subarray(0, CRC_AT) as Uint8Array<ArrayBuffer>);
  return Bun.hash.crc32(bytes.subarray(MAC_AT) as Uint8Array<ArrayBuffer>, head);
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

/** A key that is too short would sign without a word. */
function checkedSize(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length === size) return bytes;
  throw new TypeError(`${bytes.length} bytes where ${size} belong`);
}
