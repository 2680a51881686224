import { createReadStream, existsSync, type Stats, statSync } from "node:fs";
import { opendir } from "node:fs/promises";
import { join } from "node:path";
import type { TarPackController } from "modern-tar";
import { XsError } from "../frame/error.ts";
import { CONTENT_FOLDERS, FRAMES, PAIRS, PROBLEMS } from "../frame/tar.ts";

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
 * @throws XsError `bad_request` where the folder holds none
 */
export async function readFolder(
  path: string,
  told: (part: number) => void,
): Promise<ReadableStream<Uint8Array>> {
  if (!isExportFolder(path)) throw notAnExport(path);
  const { createTarPacker } = await import("modern-tar");
  const names = await namesIn(path);
  const { readable, controller } = createTarPacker();
  const pack = async () => {
    for (const [at, name] of names.entries()) {
      await add(controller, name, join(path, name));
      told((at + 1) / names.length);
    }
    controller.finalize();
  };
  pack().catch((error) => controller.error(error));
  return readable;
}

/** All that is in it, the lines first. The import says itself what may be there. */
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
  return names.filter((name) => name !== PROBLEMS).sort((a, b) => rank(a) - rank(b));
}

async function add(tar: TarPackController, name: string, path: string): Promise<void> {
  const stats = statSync(path);
  if (!stats.isFile()) throw noFile(path, stats);
  const writer = tar.add({ name, size: stats.size, mode: 0o644, mtime: new Date(0) }).getWriter();
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK })) {
    size += (chunk as Uint8Array).length;
    if (size > stats.size) break;
    await writer.write(chunk as Uint8Array);
  }
  if (size !== stats.size) {
    throw new XsError("bad_request", `${path} changed while it was read: import it again`);
  }
  await writer.close();
}

function noFile(path: string, stats: Stats): XsError {
  const what = stats.isDirectory() ? "a folder" : "no file";
  return new XsError(
    "bad_request",
    `${path} is ${what}, which is no part of an export: take it out of there`,
  );
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
      : `${path} holds no export: an export has ${FRAMES}, and ${PAIRS}, content/ or cas/ beside it`,
  );
}
