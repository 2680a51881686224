import { quoted } from "../core/error.ts";
import { FRAMES, KV_ENTRIES, LATE, TOMBSTONES } from "../core/export-format.ts";
import type { Import } from "../store/import.ts";
import { eachLine, LineError } from "./body-lines.ts";
import {
  MAX_ENTRY_LINE,
  MAX_FRAME_LINE,
  MAX_PAIR_LINE,
  parseEntryLine,
  parseFrameLine,
  parsePositionLine,
  parseTombstoneLine,
} from "./import-lines.ts";
import type { ImportReport } from "./import-report.ts";
import { badTar, entriesOf, type TarEntry } from "./tar-entries.ts";

/**
 * Reads and checks the tar of an export. Its content goes into the store, and is freed again where a later check fails;
 * all the rest is collected. Returns how many contents, and entries that have a value, the tar has.
 *
 * @throws XsError `bad_tar`, `body_cut_off`, `disk_full`
 */
export async function readTar(
  incoming: Import,
  chunks: AsyncGenerator<Uint8Array>,
  report: ImportReport,
): Promise<{ contents: number; pairs: number }> {
  const found = { contents: 0, pairs: 0 };
  /** How a line of each file is taken, and the longest one. */
  const files: Record<string, readonly [most: number, take: (line: string) => void]> = {
    [FRAMES]: [
      MAX_FRAME_LINE,
      (line) => {
        const frame = parseFrameLine(line);
        if (report.takes(frame)) incoming.add({ frame });
      },
    ],
    [KV_ENTRIES]: [
      MAX_ENTRY_LINE,
      (line) => {
        const entry = parseEntryLine(line);
        if (entry.value) found.pairs++;
        incoming.add({ entry });
      },
    ],
    [LATE]: [MAX_PAIR_LINE, (line) => incoming.add({ position: parsePositionLine(line) })],
    [TOMBSTONES]: [MAX_PAIR_LINE, (line) => incoming.add({ tombstone: parseTombstoneLine(line) })],
  };
  for await (const entry of entriesOf(chunks)) {
    if (!incoming.note(entry.name)) {
      throw badTar(`the tar has ${quoted(entry.name)} twice: leave one of them out`);
    }
    const file = files[entry.name];
    if (file) await eachEntryLine(entry, ...file);
    else await addContent(incoming, entry);
    if (!file) found.contents++;
  }
  if (incoming.note(FRAMES)) throw badTar(`the tar has no ${FRAMES}: make it with  xs export`);
  return found;
}

async function addContent(incoming: Import, { name, hash = "", size, body }: TarEntry) {
  if (await incoming.addContent(hash, size, body)) return;
  throw badTar(
    `${quoted(name)} in the export is damaged: its sha256 is not its name; export it again`,
  );
}

/** Calls `take` with each line of a file in the tar. @throws XsError `bad_tar` */
async function eachEntryLine(
  { name, body }: TarEntry,
  most: number,
  take: (line: string) => void,
): Promise<void> {
  try {
    await eachLine(body, most, take);
  } catch (error) {
    if (!(error instanceof LineError)) throw error;
    if (error.reason.code === "bad_tar") throw error.reason;
    const problem = `${quoted(name)} in the export, at line ${error.line}: ${error.reason.message}`;
    throw badTar(problem, error);
  }
}
