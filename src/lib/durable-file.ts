import { renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { syncNow } from "./fsync.ts";

/** Writes a small file so that after a power cut it is there whole, or not at all if this did not return. */
export function writeDurably(path: string, text: string, mode: number): void {
  const unfinished = `${path}.new`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, text, { flag: "wx", mode });
  syncNow(unfinished);
  renameSync(unfinished, path);
  syncNow(dirname(path));
}
