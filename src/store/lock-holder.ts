import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { LOCK } from "./is-store.ts";

/** A process that has a store open. */
export interface Holder {
  readonly pid: number;
  /** What it was started with, for people. */
  readonly command: string;
  /** It is a server, and no short command. */
  readonly serves: boolean;
}

/** Who holds the lock of a store, where the system tells: on Linux, of processes that it shows. */
export function lockHolder(directory: string): Holder | undefined {
  try {
    const path = realpathSync(join(directory, LOCK));
    const { ino } = statSync(path);
    // proc(5): "1: POSIX  ADVISORY  WRITE 1234 08:01:5678 1073741826 1073742335"
    for (const line of readFileSync("/proc/locks", "utf8").split("\n")) {
      const [, kind, , access, pid, file = ""] = line.trim().split(/\s+/);
      if (kind !== "POSIX" || access !== "WRITE" || !file.endsWith(`:${ino}`)) continue;
      const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
      if (Number(pid) === process.pid || args.length === 0 || !hasOpen(`${pid}`, path)) continue;
      return { pid: Number(pid), command: args.join(" "), serves: args[1] === "serve" };
    }
  } catch {
    // Another system, or it has just ended.
  }
  return undefined;
}

/** Files of two disks may have the same number. */
function hasOpen(pid: string, path: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((fd) => {
    try {
      return readlinkSync(join(folder, fd)) === path;
    } catch {
      // It was closed while we looked.
      return false;
    }
  });
}
