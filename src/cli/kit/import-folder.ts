import { createReadStream, existsSync, statSync } from "node:fs";
import { opendir } from "node:fs/promises";
import { join } from "node:path";
import type { TarPackController } from "modern-tar";
import { XsError } from "../../core/error.ts";
import {
  CONTENT_FOLDERS,
  FRAMES,
  hashOfEntry,
  isLeftByMacOs,
  KV_ENTRIES,
  PROBLEMS,
} from "../../core/export-format.ts";

/** A file is read so many bytes at a time. */
const CHUNK = 256 * 1024;

/** Tells a folder that an export is in: ours once it is unpacked, or that of cross.stream. */
export function isExportFolder(path: string): boolean {
  return existsSync(join(path, FRAMES));
}

/**
 * The export in a folder, as the tar that an import takes. Who takes it sets the pace.
 *
 * @param told which part of it was taken, from 0 to 1
 * @throws XsError `bad_request` where the folder holds none, or what is no file
 */
export async function readFolder(
  path: string,
  told: (part: number) => void,
): Promise<ReadableStream<Uint8Array>> {
  if (!isExportFolder(path)) throw notAnExport(path);
  const { createTarPacker } = await import("modern-tar");
  const files = (await namesIn(path)).map((name) => fileAt(name, join(path, name)));
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const { readable, controller } = createTarPacker();
  const pack = async () => {
    let taken = 0;
    for (const file of files) {
      await add(controller, file, (bytes) => told((taken + bytes) / total));
      taken += file.size;
    }
    controller.finalize();
  };
  pack().catch((error) => controller.error(error));
  return readable;
}

/** All that is in it, the lines first, without what macOS puts beside files. */
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

/** @throws XsError `bad_request` where it is no part of one, `bad_hash` */
function fileAt(name: string, path: string): ExportFile {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) {
    throw new XsError(
      "bad_request",
      `${path} is a link to what is not there: bring that back, or take the link out of there; nothing was imported`,
    );
  }
  const isKnown = name === FRAMES || name === KV_ENTRIES || hashOfEntry(name) !== undefined;
  if (isKnown && stats.isFile()) return { name, path, size: stats.size };
  const what = stats.isDirectory() ? " is a folder, which" : "";
  throw new XsError(
    "bad_request",
    `${path}${what} is no part of an export: take it out of there; nothing was imported`,
  );
}

/** @param told how many bytes of it were taken */
async function add(
  tar: TarPackController,
  { name, path, size }: ExportFile,
  told: (bytes: number) => void,
): Promise<void> {
  const writer = tar.add({ name, size, mode: 0o644, mtime: new Date(0) }).getWriter();
  let taken = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK })) {
    taken += (chunk as Uint8Array).length;
    if (taken > size) break;
    await writer.write(chunk as Uint8Array);
    told(taken);
  }
  if (taken !== size) {
    throw new XsError("bad_request", `${path} changed while it was read: import it again`);
  }
  await writer.close();
}

function notAnExport(path: string): XsError {
  const has = (name: string) => existsSync(join(path, name));
  if (has("events.db")) {
    return new XsError(
      "bad_request",
      `${path} is a store: take it over with  xs export ${path} - | xs import ADDR -`,
    );
  }
  return new XsError(
    "bad_request",
    has("fjall") || has("cacache")
      ? `${path} is a store of cross.stream itself: serve it there, and export it with  .export FOLDER  of xs.nu`
      : `${path} holds no export: an export has ${FRAMES}, and ${KV_ENTRIES}, content/ or cas/ beside it`,
  );
}
