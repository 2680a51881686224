import { fs, paths } from "../lib/builtins.ts";
import { LOCK } from "./is-store.ts";

/** A process that has a store open. */
export interface Holder {
  readonly pid: number;
  /** Its command line, for a message. */
  readonly command: string;
  /** Whether it is a server, and not a short command. */
  readonly serves: boolean;
}

/** Finds the process that holds the lock of a store; undefined where /proc does not show it, as outside Linux. */
export function lockHolder(directory: string): Holder | undefined {
  const { readFileSync, realpathSync, statSync } = fs();
  try {
    const path = realpathSync(paths().join(directory, LOCK));
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
    // This is another system, or the process has just ended.
  }
  return undefined;
}

/** Whether a process has this very file open: files on two disks may have the same inode number. */
function hasOpen(pid: string, path: string): boolean {
  const { readdirSync, readlinkSync } = fs();
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((fd) => {
    try {
      return readlinkSync(paths().join(folder, fd)) === path;
    } catch {
      // The process closed it meanwhile.
      return false;
    }
  });
}
