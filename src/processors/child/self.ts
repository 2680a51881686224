import { ptr } from "bun:ffi";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { libc } from "../../lib/libc.ts";

/** What this program is besides the command line: the first argument of its other processes. */
export const ROLES = { guard: "__guard", ts: "__ts" } as const;

const PR_GET_DUMPABLE = 3;
const PR_SET_NAME = 15;

// Looked up at the start: another file may stand there later, or none.
const file = process.execPath;
/** What a process runs, whatever has become of the file that it was started from. */
const link = process.platform === "linux" && existsSync("/proc/self/exe") && "/proc/self/exe";
const compiled = import.meta.path.startsWith("/$bunfs/") || import.meta.path.includes("~BUN");

/** The command that runs this very program again in another role, below this process. */
export function selfCommand(role: keyof typeof ROLES, ...args: readonly string[]): string[] {
  // Run from its sources, as by a test, the program is Bun with a script.
  const script = compiled ? [] : [join(import.meta.dir, "../../main.ts")];
  return [link || file, ...script, ROLES[role], ...args];
}

/** The directory of this program. */
export function selfDirectory(): string {
  return dirname(file);
}

/**
 * A path by which other processes run this very program, for as long as this process lives;
 * undefined where it is run from its sources.
 */
export function selfPath(): string | undefined {
  if (!compiled) return undefined;
  // A program with capabilities of its own lets no other process through /proc.
  const isOpen = link && libc("prctl")?.(PR_GET_DUMPABLE, 0, 0, 0, 0) === 1;
  return isOpen ? `/proc/${process.pid}/exe` : file;
}

/** Has tools such as ps call this process by the name of the program, and not after the link. */
export function takeName(): void {
  if (process.platform !== "linux") return;
  libc("prctl")?.(PR_SET_NAME, ptr(Buffer.from("xs\0")), 0, 0, 0);
}
