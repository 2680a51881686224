import { ptr } from "bun:ffi";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { libc } from "./libc.ts";
import { ROLES } from "./roles.ts";

const PR_GET_DUMPABLE = 3;
const PR_SET_NAME = 15;

// Read at the start: later, another file may have this path, or none.
const file = process.execPath;
/** The program of the running process, even where its file was replaced or removed. */
const link = process.platform === "linux" && existsSync("/proc/self/exe") && "/proc/self/exe";
const compiled = import.meta.path.startsWith("/$bunfs/") || import.meta.path.includes("~BUN");

/** The command that runs this very program in another role. Only a child of this process can use it. */
export function selfCommand(role: keyof typeof ROLES, ...args: readonly string[]): string[] {
  // Where a test runs the sources, the program is Bun and its script is main.ts.
  const script = compiled ? [] : [join(import.meta.dir, "../main.ts")];
  return [link || file, ...script, ROLES[role], ...args];
}

/** The directory of this program's file. */
export function selfDirectory(): string {
  return dirname(file);
}

/**
 * A path by which other processes run this very program, for as long as this process lives;
 * undefined where it is run from its sources.
 */
export function selfPath(): string | undefined {
  if (!compiled) return undefined;
  // A program with capabilities is not dumpable: other processes may not follow its link in /proc.
  const isOpen = link && libc("prctl")?.(PR_GET_DUMPABLE, 0, 0, 0, 0) === 1;
  return isOpen ? `/proc/${process.pid}/exe` : file;
}

/** Sets the process name that tools such as ps show: started through the link, it would be "exe". */
export function takeName(): void {
  if (process.platform !== "linux") return;
  libc("prctl")?.(PR_SET_NAME, ptr(Buffer.from("xs\0")), 0, 0, 0);
}
