import { quoted, XsError } from "../core/error.ts";
import { FRAMES } from "../core/export-format.ts";
import { ImportSpace } from "../store/sqlite/transfer/import-space.ts";
import type { Store } from "../store/store.ts";
import { eachLine, LineError } from "./body-lines.ts";
import { ImportedContent } from "./import-content.ts";
import { MAX_ENTRY_LINE, MAX_FRAME_LINE, parseEntryLine, parseFrameLine } from "./import-lines.ts";
import type { FrameImport, ImportOptions, Unexpected } from "./import-report.ts";
import { badTar, entriesOf, type TarEntry } from "./tar-entries.ts";

/** The counts of a tar import; `added` counts the frames that the store did not have. */
export interface TarImport extends Unexpected {
  frames: number;
  added: number;
  contents: number;
  pairs: number;
}

/**
 * Imports the tar of an export. It reads and checks the whole tar before it adds the first frame or entry;
 * content comes first, and a failed check frees it again. A later failure, or the end of the process,
 * leaves a part of the import; importing again adds the rest.
 *
 * @throws XsError `bad_tar`, `body_cut_off`, `disk_full`
 */
export async function importTar(
  store: Store,
  chunks: AsyncGenerator<Uint8Array>,
  frames: FrameImport,
): Promise<TarImport> {
  using held = new DisposableStack();
  held.defer(await store.holdContent());
  store.checkWritable();
  const space = held.adopt(new ImportSpace(store.path), (space) => space.close());
  const found = await readTar(store, space, chunks, frames.options);
  await bringIn(store, space, found, frames);
  return { ...found, ...(await frames.unexpected()) };
}

/** Reads and checks the tar; stores its content, and keeps frames and entries in the import space. */
async function readTar(
  store: Store,
  space: ImportSpace,
  chunks: AsyncGenerator<Uint8Array>,
  { ahead }: ImportOptions,
): Promise<TarImport> {
  const found: TarImport = { frames: 0, added: 0, contents: 0, pairs: 0 };
  const contents = new ImportedContent(store, space);
  for await (const entry of entriesOf(chunks)) {
    if (!space.addEntry(entry.name)) {
      throw badTar(`the tar has ${quoted(entry.name)} twice: leave one of them out`);
    }
    if (entry.hash !== undefined) {
      await contents.add(entry.hash, entry);
      found.contents++;
    } else if (entry.name === FRAMES) {
      found.frames = await entryLines(entry, MAX_FRAME_LINE, (line) =>
        space.addFrame(parseFrameLine(line, ahead)),
      );
    } else {
      found.pairs = await entryLines(entry, MAX_ENTRY_LINE, (line) =>
        space.addEntryOfKv(parseEntryLine(line, ahead)),
      );
    }
  }
  if (space.addEntry(FRAMES)) {
    throw badTar(`the tar has no ${FRAMES}: make it with  xs export`);
  }
  await contents.finish();
  return found;
}

/** Calls `take` with each line of a file in the tar, and returns their number. @throws XsError `bad_tar` */
async function entryLines(
  { name, body }: TarEntry,
  most: number,
  take: (line: string) => void,
): Promise<number> {
  try {
    return await eachLine(body, most, take);
  } catch (error) {
    if (!(error instanceof LineError)) throw error;
    if (error.reason.code === "bad_tar") throw error.reason;
    const problem = `${quoted(name)} in the export, at line ${error.line}: ${error.reason.message}`;
    throw badTar(problem, error);
  }
}

/** Adds the frames and entries of the import space to the store. */
async function bringIn(
  store: Store,
  space: ImportSpace,
  found: TarImport,
  frames: FrameImport,
): Promise<void> {
  let done = 0;
  try {
    for (const step of space.frames()) {
      found.added += await frames.step(step);
      done += step.length;
    }
    for (const step of space.pairs()) await store.importEntries(await frames.entries(step));
    // Content that no frame names is kept, like content from POST /cas.
    for (const step of space.fresh()) await store.content.keepFromCollector(step);
  } catch (error) {
    if (!(error instanceof XsError)) throw error;
    const kept = `${done} of ${found.frames} frames are in: import it again for the rest`;
    throw new XsError(error.code, `${error.message} (${kept})`, { cause: error });
  }
}
