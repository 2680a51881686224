import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { XsError } from "../core/error.ts";
import { PRIVATE_FILE } from "../store/modes.ts";

/**
 * The record in a file that commands share; 0 where there is none.
 *
 * @throws XsError `bad_option` where it holds something else
 */
export function recordIn(file: string): number {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return 0;
    throw new XsError("bad_option", `XS_SESSION names ${file}, which cannot be read`, {
      cause: error,
    });
  }
  if (/^[0-9]{0,15}$/.test(text)) return Number(text);
  throw new XsError(
    "bad_option",
    `XS_SESSION names ${file}, which holds something else than the number of a record: name a new file`,
  );
}

/** Leaves a record for other commands. One that reads at the same time sees the old number or the new one. */
export function keepRecord(file: string, record: number): void {
  if (recordIn(file) >= record) return;
  const next = `${file}.${process.pid}`;
  try {
    writeFileSync(next, `${record}\n`, { mode: PRIVATE_FILE });
    renameSync(next, file);
  } catch (error) {
    throw new XsError(
      "bad_option",
      `XS_SESSION names ${file}, which cannot be written: name another file (what this command asked for is done)`,
      { cause: error },
    );
  }
}
