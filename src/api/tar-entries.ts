import type { ParsedTarEntry } from "modern-tar";
import { quoted, XsError } from "../core/error.ts";
import {
  CONTENT_FOLDERS,
  FRAMES,
  hashOfEntry,
  isLeftByMacOs,
  LINE_FILES,
  PROBLEMS,
} from "../core/export-format.ts";
import { streamOf } from "../lib/streams.ts";
import { bodyError } from "./body.ts";

/** A file in the tar of an export. */
export interface TarEntry {
  /** `frames.jsonl` or another of {@link LINE_FILES}, `content/…` or `cas/…`, without the folder around the whole export. */
  readonly name: string;
  /** The hash of a content file; undefined for other files. */
  readonly hash: string | undefined;
  /** The size in its header, in bytes. */
  readonly size: number;
  /** The caller must read it to its end before the next entry. */
  readonly body: AsyncGenerator<Uint8Array>;
}

/** The size of a block in a tar, in bytes. */
export const BLOCK = 512;

/** The most folders before the first file: more than a path to an export has. */
const MAX_FOLDERS = 100;

/**
 * Recognizes a tar by its first block: by the magic of POSIX or GNU, which no JSON contains, or by the
 * checksum, as the oldest form has no magic.
 */
export function isTar(head: Buffer): boolean {
  const magic = head.toString("latin1", 257, 265);
  if (magic.startsWith("ustar\0") || magic === "ustar  \0") return true;
  const given = head.toString("latin1", 148, 156);
  const checksum = /^ *([0-7]+)[\0 ]*$/.exec(given)?.[1];
  if (checksum === undefined || head.length < BLOCK) return false;
  const sum = head.subarray(0, BLOCK).reduce((total, byte) => total + byte, 0);
  // In the sum, the checksum field counts as spaces.
  const own = head.subarray(148, 156).reduce((total, byte) => total + byte, 0);
  return Number.parseInt(checksum, 8) === sum - own + 8 * 0x20;
}

/**
 * The problem of a body that may be a broken tar: an empty tar is all zeros, and a tar may be cut off within its
 * first block. Undefined without NUL, as JSON contains none.
 */
export function lacksOfTar(head: Buffer): string | undefined {
  if (!head.includes(0)) return undefined;
  if (head.every((byte) => byte === 0)) {
    return head.length < BLOCK
      ? "the body is zeros, and no export"
      : `the tar is empty, or its bytes were lost: it has no ${FRAMES}; make it with  xs export`;
  }
  if (head.length < BLOCK)
    return "the body is neither JSON lines nor a whole tar: if it is a tar that was cut off at its start, export it, or copy it, again";
  return undefined;
}

/** The program that unpacks a compressed body, by its first bytes; undefined if it is not compressed. */
export function unpacker(head: Buffer): string | undefined {
  const start = head.toString("latin1", 0, 6);
  if (start.startsWith("\x1f\x8b")) return "gunzip";
  if (start.startsWith("\x28\xb5\x2f\xfd")) return "unzstd";
  if (start === "\xfd7zXZ\0") return "unxz";
  if (/^BZh[1-9]/.test(start)) return "bunzip2";
  return start.startsWith("PK\x03\x04") ? "unzip" : undefined;
}

/** The error for a bad tar. Throw it only before the import has added a frame. */
export function badTar(problem: string, cause?: unknown): XsError {
  return new XsError("bad_tar", `${problem}; nothing was imported`, { cause });
}

/**
 * Yields the files of an export, of xs or of cross.stream, as they arrive. It skips folders, and the list
 * of content that the export omits.
 *
 * @throws XsError `bad_tar` where it is damaged or holds anything else, `body_cut_off`
 */
export async function* entriesOf(chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<TarEntry> {
  const { createTarDecoder } = await import("modern-tar");
  const reader = streamOf(chunks)
    .pipeThrough(createTarDecoder({ strict: true }))
    .getReader();
  const folders = new Folders();
  let where = "at its start";
  try {
    for (;;) {
      const { value: entry, done } = await reader.read().catch(damaged(where));
      if (done) return;
      const { header, body } = entry;
      where = `after ${quoted(header.name)}`;
      const found = placeOf(header, folders);
      if (!found || found.name === PROBLEMS) await body.cancel();
      else yield { ...found, size: header.size, body: bytesOf(body, quoted(header.name)) };
    }
  } finally {
    await reader.cancel(badTar("the import ended")).catch(() => {});
  }
}

/** The name and hash of a file; undefined for a folder. @throws XsError `bad_tar` for a file that no export has */
function placeOf(
  { name: given, type }: ParsedTarEntry["header"],
  folders: Folders,
): Pick<TarEntry, "name" | "hash"> | undefined {
  // `tar -C folder .` writes names with "./".
  const path = given.split("/").filter((part) => part !== ".");
  if (type === "directory") return void folders.add(path.filter((part) => part !== ""));
  const last = path.at(-1) ?? "";
  if (isLeftByMacOs(last)) return undefined;
  const isLines = last === PROBLEMS || LINE_FILES.includes(last);
  const parts = isLines ? 1 : 2;
  const name = path.slice(-parts).join("/");
  const hash = hashIn(name);
  if (!isLines && hash === undefined) throw noPart(given);
  folders.contain(given, path.slice(0, -parts));
  if (type !== "file") {
    throw badTar(
      `${quoted(given)} in the tar is no file but a ${type}: make the tar with plain files`,
    );
  }
  return { name, hash };
}

function hashIn(name: string): string | undefined {
  try {
    return hashOfEntry(name);
  } catch (error) {
    throw badTar(`${quoted(name)} in the export: ${(error as Error).message}`, error);
  }
}

/** Checks that all files lie in one folder, and that every other folder leads to it or holds content. */
class Folders {
  #export: readonly string[] | undefined;
  /** Folders before the first file: they can be checked only when that file is known. */
  #early: (readonly string[])[] = [];

  add(path: readonly string[]): void {
    if (this.#export) this.#check(path, this.#export);
    else if (this.#early.push(path) > MAX_FOLDERS) throw noPart(path.join("/"));
  }

  /** Notes the folder of a file. @throws XsError `bad_tar` if other files are in another folder */
  contain(name: string, folder: readonly string[]): void {
    if (folder.some((part) => part === ".." || part === "")) throw noPart(name);
    if (this.#export && this.#export.join("/") !== folder.join("/")) {
      const before = quoted(this.#export.join("/") || ".");
      throw badTar(
        `the tar has ${quoted(name)}, and the rest of an export in ${before}: import each by itself`,
      );
    }
    this.#export = folder;
    for (const path of this.#early) this.#check(path, folder);
    this.#early = [];
  }

  #check(path: readonly string[], whole: readonly string[]): void {
    const above = path.every((part, at) => part === whole[at]);
    const [inside = "", ...rest] = path.slice(whole.length);
    const within = whole.every((part, at) => part === path[at]) && rest.length === 0;
    if (!above && !(within && CONTENT_FOLDERS.includes(inside))) throw noPart(path.join("/"));
  }
}

function noPart(name: string): XsError {
  return badTar(`the tar has ${quoted(name)}, which is no part of an export: leave it out`);
}

async function* bytesOf(
  body: ReadableStream<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  for (;;) {
    const { value, done } = await reader.read().catch(damaged(`in ${name}`));
    if (done) return;
    yield value;
  }
}

/** Turns the error of a failed read of the tar into one for the client. */
function damaged(where: string): (error: Error) => never {
  return (error) => {
    const failure = bodyError(error);
    if (failure !== error || failure instanceof XsError) throw failure;
    const problem = /truncated/.test(error.message) ? "cut off" : "damaged";
    throw badTar(
      `the tar is ${problem} ${where} (${error.message}): export it, or copy it, again`,
      error,
    );
  };
}
