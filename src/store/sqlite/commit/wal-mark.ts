import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { endianness } from "node:os";
import { XsError } from "../../../core/error.ts";
import { type ReadWal, readWal, type WalExtent } from "./read-wal.ts";

/** The salt, the number of frames, and the CRC-32 of both. */
const SIZE = 16;
/**
 * Where the index of the write-ahead log, in shared memory, has its number of frames and its salt:
 * https://sqlite.org/walformat.html#the_wal_index_file_format
 */
const SHM = { frames: 16, salt: 32, size: 40 };
const IS_LITTLE_ENDIAN = endianness() === "LE";

/**
 * A file beside the database that tells how much of the write-ahead log was synced. When SQLite takes
 * up a log that a killed process has left, it ends at the first frame whose checksum does not fit, as
 * after a power cut. This tells whether a damage made it end too early. It is written after each
 * sync and not synced itself: what it tells is true, whether the newest of it has reached the disk
 * or not.
 */
export class WalMark {
  readonly #file: number;
  readonly #shm: number;
  readonly #header = Buffer.alloc(SHM.size);
  readonly #bytes = Buffer.alloc(SIZE);

  /** @param database the file of a database that is open */
  constructor(database: string) {
    this.#file = openSync(markOf(database), constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#shm = openSync(`${database}-shm`, "r");
  }

  /** How far the log reaches now, between transactions: to be written down once that is synced. */
  now(): WalExtent {
    const header = this.#header;
    readSync(this.#shm, header, 0, SHM.size, 0);
    const frames = IS_LITTLE_ENDIAN
      ? header.readUInt32LE(SHM.frames)
      : header.readUInt32BE(SHM.frames);
    return { salt: header.toString("hex", SHM.salt, SHM.size), frames };
  }

  write({ salt, frames }: WalExtent): void {
    const bytes = this.#bytes;
    bytes.write(salt, "hex");
    bytes.writeUInt32BE(frames, 8);
    bytes.writeUInt32BE(Bun.hash.crc32(bytes.subarray(0, 12)), 12);
    try {
      writeSync(this.#file, bytes, 0, SIZE, 0);
    } catch {
      // The old mark is still true; a torn mark does not count as one.
    }
  }

  close(): void {
    closeSync(this.#file);
    closeSync(this.#shm);
  }
}

/**
 * Checks the write-ahead log of a database that nobody has open, before SQLite takes it up and
 * overwrites what it did not find sound.
 *
 * @throws XsError `store_damaged` where something is gone from it
 */
export function checkWal(database: string): void {
  const mark = readMark(markOf(database));
  if (!mark) return;
  const path = `${database}-wal`;
  const how = `it is left as it is: restore a copy of the store, or remove ${markOf(database)} to go on without what cannot be read`;
  let found: ReadWal | undefined;
  try {
    found = readWal(path);
  } catch (error) {
    if (error instanceof XsError) throw new XsError(error.code, `${error.message}; ${how}`);
    throw error;
  }
  // An empty one, or another one, was begun after all of this one had gone into the database.
  if (found?.salt !== mark.salt || found.frames >= mark.frames) return;
  throw new XsError(
    "store_damaged",
    `${path} is damaged after byte ${found.end}, and the newest writes with it; ${how}`,
  );
}

/** Removes the mark of a database. */
export function removeMark(database: string): void {
  rmSync(markOf(database), { force: true });
}

function markOf(database: string): string {
  return `${database}-mark`;
}

/** Undefined where there is none, or it was torn by a power cut. */
function readMark(path: string): WalExtent | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  if (bytes.length !== SIZE) return undefined;
  if (Bun.hash.crc32(bytes.subarray(0, 12)) !== bytes.readUInt32BE(12)) return undefined;
  return { salt: bytes.toString("hex", 0, 8), frames: bytes.readUInt32BE(8) };
}
