import type { ParsedTarEntry } from "modern-tar";
import { shown, XsError } from "../frame/error.ts";
import { FRAMES, hashOfEntry, PAIRS, PROBLEMS } from "../frame/tar.ts";
import { bodyError } from "./body.ts";
import { streamOf } from "./chunks.ts";

/** A file in the tar of an export. */
export interface TarEntry {
  /** `frames.jsonl`, `kv.jsonl` or `content/…`. */
  readonly name: string;
  /** In bytes, as its header says. */
  readonly size: number;
  /** To be read to its end before the next entry. */
  readonly body: AsyncGenerator<Uint8Array>;
}

/** Tells a tar by its first block, with the magic of POSIX or that of GNU. Neither is JSON text. */
export function isTar(head: Buffer): boolean {
  const magic = head.toString("latin1", 257, 265);
  return magic.startsWith("ustar\0") || magic === "ustar  \0";
}

/** Why a tar is not taken; to be thrown before anything of it can be seen. */
export function badTar(problem: string, cause?: unknown): XsError {
  return new XsError("bad_tar", `${problem}; nothing was imported`, { cause });
}

/**
 * The entries of an export, each as it comes. Folders, and the list of what the export left out, are
 * passed over.
 *
 * @throws XsError `bad_tar` where it is damaged or holds anything else, `body_cut_off`
 */
export async function* entriesOf(chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<TarEntry> {
  const { createTarDecoder } = await import("modern-tar");
  const reader = streamOf(chunks)
    .pipeThrough(createTarDecoder({ strict: true }))
    .getReader();
  let where = "at its start";
  try {
    for (;;) {
      const { value: entry, done } = await reader.read().catch(damaged(where));
      if (done) return;
      const { header, body } = entry;
      // As `tar -C folder .` writes them.
      const name = header.name.replace(/^(\.\/)+/, "");
      where = `after ${shown(name)}`;
      if (!isWanted(name, header)) await body.cancel();
      else yield { name, size: header.size, body: bytesOf(body, shown(name)) };
    }
  } finally {
    await reader.cancel(badTar("the import ended")).catch(() => {});
  }
}

/** False for what may be there but is not read. @throws XsError `bad_tar` for all that may not */
function isWanted(name: string, { type }: ParsedTarEntry["header"]): boolean {
  if (type === "directory" && /^(\.?|content)\/?$/.test(name)) return false;
  const known = [FRAMES, PAIRS, PROBLEMS].includes(name) || hashOfEntry(name) !== undefined;
  if (!known || type === "directory") {
    throw badTar(`the tar has ${shown(name)}, which is no part of an export: leave it out`);
  }
  if (type !== "file") {
    throw badTar(
      `${shown(name)} in the tar is no file but a ${type}: make the tar with plain files`,
    );
  }
  return name !== PROBLEMS;
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
