import type { ParsedTarEntry } from "modern-tar";
import { quoted, XsError } from "../core/error.ts";
import {
  CONTENT_FOLDERS,
  FRAMES,
  hashOfEntry,
  isLeftByMacOs,
  KV_ENTRIES,
  PROBLEMS,
} from "../core/export-format.ts";
import { streamOf } from "../lib/streams.ts";
import { bodyError } from "./body.ts";

/** A file in the tar of an export. */
export interface TarEntry {
  /** `frames.jsonl`, `kv.jsonl`, `content/…` or `cas/…`, without the folder that all lie in. */
  readonly name: string;
  /** The hash that content goes by; undefined for an entry of another kind. */
  readonly hash: string | undefined;
  /** In bytes, as its header says. */
  readonly size: number;
  /** To be read to its end before the next entry. */
  readonly body: AsyncGenerator<Uint8Array>;
}

/** A tar is made of blocks of so many bytes. */
export const BLOCK = 512;

/** Most folders before the first file: more than lead to any. */
const MAX_FOLDERS = 100;

/**
 * Tells a tar by its first block: the magic of POSIX or that of GNU, neither of which is JSON text, or,
 * as the oldest form has none, the checksum.
 */
export function isTar(head: Buffer): boolean {
  const magic = head.toString("latin1", 257, 265);
  if (magic.startsWith("ustar\0") || magic === "ustar  \0") return true;
  const given = head.toString("latin1", 148, 156);
  const told = /^ *([0-7]+)[\0 ]*$/.exec(given)?.[1];
  if (told === undefined || head.length < BLOCK) return false;
  const sum = head.subarray(0, BLOCK).reduce((total, byte) => total + byte, 0);
  // The field itself counts as spaces.
  const own = head.subarray(148, 156).reduce((total, byte) => total + byte, 0);
  return Number.parseInt(told, 8) === sum - own + 8 * 0x20;
}

/**
 * Why a body that is none of what an import takes may be a tar all the same: an empty one is zeros, one that was cut
 * off ends in its first block. NUL stands in no JSON.
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

/** What unpacks a body, by its first bytes; undefined where it is not compressed. */
export function unpacker(head: Buffer): string | undefined {
  const start = head.toString("latin1", 0, 6);
  if (start.startsWith("\x1f\x8b")) return "gunzip";
  if (start.startsWith("\x28\xb5\x2f\xfd")) return "unzstd";
  if (start === "\xfd7zXZ\0") return "unxz";
  if (/^BZh[1-9]/.test(start)) return "bunzip2";
  return start.startsWith("PK\x03\x04") ? "unzip" : undefined;
}

/** Why a tar is not taken; to be thrown before anything of it can be seen. */
export function badTar(problem: string, cause?: unknown): XsError {
  return new XsError("bad_tar", `${problem}; nothing was imported`, { cause });
}

/**
 * The entries of an export, each as it comes: ours, or that of cross.stream. Folders, and the list of
 * what the export left out, are passed over.
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

/** What a file is; undefined for a folder. @throws XsError `bad_tar` for all that may not be there */
function placeOf(
  { name: given, type }: ParsedTarEntry["header"],
  folders: Folders,
): Pick<TarEntry, "name" | "hash"> | undefined {
  // As `tar -C folder .` writes them.
  const path = given.split("/").filter((part) => part !== ".");
  if (type === "directory") return void folders.add(path.filter((part) => part !== ""));
  const last = path.at(-1) ?? "";
  if (isLeftByMacOs(last)) return undefined;
  const isLines = [FRAMES, KV_ENTRIES, PROBLEMS].includes(last);
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

/** The folder that a whole export lies in, if it does, and those in it that are passed over. */
class Folders {
  #export: readonly string[] | undefined;
  /** Seen before the first file: whether they may be there is not known yet. */
  #early: (readonly string[])[] = [];

  add(path: readonly string[]): void {
    if (this.#export) this.#check(path, this.#export);
    else if (this.#early.push(path) > MAX_FOLDERS) throw noPart(path.join("/"));
  }

  /** Notes where a file is. @throws XsError `bad_tar` where others are somewhere else */
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

/** What a failed read of the tar means. */
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
