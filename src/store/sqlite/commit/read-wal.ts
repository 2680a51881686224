import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { XsError } from "../../../core/error.ts";

// The format of the write-ahead log: https://sqlite.org/fileformat2.html#the_write_ahead_log
const HEADER = 32;
const FRAME_HEADER = 24;
/** The lowest bit tells that words are big-endian in checksums. */
const MAGIC = 0x377f0682;
/** Frames of the log in one read. */
const FRAMES_A_READ = 256;

/** How far a write-ahead log reaches. */
export interface WalExtent {
  /** Which one it is: each time it begins anew it has another, of 16 hexadecimal digits. */
  readonly salt: string;
  /** Its sound frames, up to the last commit. A frame is a page of the database. */
  readonly frames: number;
}

/** What was read of a log. */
export interface ReadWal extends WalExtent {
  /** Where its sound frames end, in bytes from its beginning. */
  readonly end: number;
}

/**
 * Reads a write-ahead log as SQLite does when it takes one up: up to the first frame whose checksum
 * does not fit. Undefined where there is none or it is empty.
 *
 * @throws XsError `store_damaged` where it has no sound header
 */
export function readWal(path: string): ReadWal | undefined {
  const file = openIfThere(path);
  if (file === undefined) return undefined;
  try {
    const header = Buffer.alloc(HEADER);
    readSync(file, header, 0, HEADER, 0);
    // All zero as well: the header of a new one was not written yet.
    if (header.every((byte) => byte === 0)) return undefined;
    const magic = header.readUInt32BE(0);
    const sum = new Checksum(magic === MAGIC + 1);
    sum.add(header.subarray(0, 24));
    if ((magic & ~1) >>> 0 !== MAGIC || !sum.fits(header.subarray(24))) {
      throw new XsError("store_damaged", `${path} is damaged at its beginning`);
    }
    const salt = header.subarray(16, 24);
    const pageSize = header.readUInt32BE(8);
    const frames = soundFrames(file, { salt, pageSize, sum });
    const end = HEADER + frames * (FRAME_HEADER + pageSize);
    return { salt: salt.toString("hex"), frames, end };
  } finally {
    closeSync(file);
  }
}

function soundFrames(
  file: number,
  { salt, pageSize, sum }: { salt: Buffer; pageSize: number; sum: Checksum },
): number {
  const size = FRAME_HEADER + pageSize;
  const count = Math.floor((fstatSync(file).size - HEADER) / size);
  const frames = Buffer.alloc(FRAMES_A_READ * size);
  let committed = 0;
  for (let n = 0; n < count; n++) {
    if (n % FRAMES_A_READ === 0) readSync(file, frames, 0, frames.length, HEADER + n * size);
    const frame = frames.subarray((n % FRAMES_A_READ) * size, ((n % FRAMES_A_READ) + 1) * size);
    if (!frame.subarray(8, 16).equals(salt)) break;
    sum.add(frame.subarray(0, 8));
    sum.add(frame.subarray(FRAME_HEADER));
    if (!sum.fits(frame.subarray(16, 24))) break;
    // The size of the database after it, in pages: only the last frame of a commit has it.
    if (frame.readUInt32BE(4) !== 0) committed = n + 1;
  }
  return committed;
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The checksum of SQLite's write-ahead log, over all that was added. */
class Checksum {
  readonly #isBigEndian: boolean;
  #first = 0;
  #second = 0;

  constructor(isBigEndian: boolean) {
    this.#isBigEndian = isBigEndian;
  }

  /** @param bytes a multiple of 8 */
  add(bytes: Buffer): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let first = this.#first;
    let second = this.#second;
    for (let at = 0; at < bytes.length; at += 8) {
      first = (first + view.getUint32(at, !this.#isBigEndian) + second) | 0;
      second = (second + view.getUint32(at + 4, !this.#isBigEndian) + first) | 0;
    }
    this.#first = first;
    this.#second = second;
  }

  fits(stored: Buffer): boolean {
    return stored.readInt32BE(0) === this.#first && stored.readInt32BE(4) === this.#second;
  }
}
