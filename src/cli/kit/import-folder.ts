import { createReadStream, existsSync, statSync } from "node:fs";
import { opendir } from "node:fs/promises";
import { join } from "node:path";
import type { TarPackController } from "modern-tar";
import { shellWord, XsError } from "../../core/error.ts";
import {
  CONTENT_FOLDERS,
  FRAMES,
  hashOfEntry,
  isLeftByMacOs,
  KV_ENTRIES,
  LINE_FILES,
  PROBLEMS,
} from "../../core/export-format.ts";

/** Bytes per read of a file. */
const CHUNK_BYTES = 256 * 1024;

/** Whether a folder holds an export: an unpacked tar of ours, or an export of cross.stream. */
export function isExportFolder(path: string): boolean {
  return existsSync(join(path, FRAMES));
}

/**
 * Streams the export in a folder as the tar that an import takes, at the pace of its reader.
 *
 * @param onProgress receives the part that was read so far, from 0 to 1
 * @throws XsError `bad_request` where the folder holds no export, or an entry that is not part of one
 */
export async function readFolder(
  path: string,
  onProgress: (part: number) => void,
): Promise<ReadableStream<Uint8Array>> {
  if (!isExportFolder(path)) throw notAnExport(path);
  const { createTarPacker } = await import("modern-tar");
  const files = (await namesIn(path)).map((name) => fileAt(name, join(path, name)));
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const { readable, controller } = createTarPacker();
  const pack = async () => {
    let taken = 0;
    for (const file of files) {
      await add(controller, file, (bytes) => onProgress((taken + bytes) / total));
      taken += file.size;
    }
    controller.finalize();
  };
  pack().catch((error) => controller.error(error));
  return readable;
}

/** The names of all files in it, the frames first, without the files that macOS adds. */
async function namesIn(path: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of await opendir(path)) {
    if (!CONTENT_FOLDERS.includes(name)) {
      names.push(name);
      continue;
    }
    for await (const entry of await opendir(join(path, name))) names.push(`${name}/${entry.name}`);
  }
  const rank = (name: string) => (name === FRAMES ? 0 : 1);
  const wanted = names.filter((name) => !isLeftByMacOs(name) && name !== PROBLEMS);
  return wanted.sort((a, b) => rank(a) - rank(b));
}

/** A file of the export; `name` in the tar, `size` in bytes. */
interface ExportFile {
  readonly name: string;
  readonly path: string;
  readonly size: number;
}

/** @throws XsError `bad_request` where the file is no part of an export, `bad_hash` */
function fileAt(name: string, path: string): ExportFile {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) {
    throw bad(
      `${path} is a link to what is not there: restore its target, or remove the link; nothing was imported`,
    );
  }
  const isKnown = LINE_FILES.includes(name) || hashOfEntry(name) !== undefined;
  if (isKnown && stats.isFile()) return { name, path, size: stats.size };
  const what = stats.isDirectory() ? " is a folder, which" : "";
  throw bad(
    `${path}${what} is no part of an export: move it out of the folder; nothing was imported`,
  );
}

/** @param onBytes receives how many bytes of the file were read so far */
async function add(
  tar: TarPackController,
  { name, path, size }: ExportFile,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const writer = tar.add({ name, size, mode: 0o644, mtime: new Date(0) }).getWriter();
  let taken = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    taken += (chunk as Uint8Array).length;
    if (taken > size) break;
    await writer.write(chunk as Uint8Array);
    onBytes(taken);
  }
  if (taken !== size) {
    throw bad(`${path} changed while xs read it: import it again`);
  }
  await writer.close();
}

function notAnExport(path: string): XsError {
  const has = (name: string) => existsSync(join(path, name));
  if (has("events.db")) {
    return bad(
      `${path} is a store: import it with  xs export -s ${shellWord(path)} - | xs import ADDR -`,
    );
  }
  return bad(
    has("fjall") || has("cacache")
      ? `${path} is a store of cross.stream itself: serve it there, and export it with  .export FOLDER  of xs.nu`
      : `${path} holds no export: an export has ${FRAMES}, and ${KV_ENTRIES}, content/ or cas/ beside it`,
  );
}

function bad(problem: string): XsError {
  return new XsError("bad_request", problem);
}
