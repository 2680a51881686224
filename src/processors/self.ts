import { join } from "node:path";

/** What this program is besides the command line: the first argument of its other processes. */
export const ROLES = { guard: "__guard", ts: "__ts" } as const;

/** The command that runs this program again in another role. */
export function selfCommand(role: keyof typeof ROLES, ...args: readonly string[]): string[] {
  // Run from its sources, as by a test, the program is Bun with a script.
  const compiled = import.meta.path.startsWith("/$bunfs/") || import.meta.path.includes("~BUN");
  const script = compiled ? [] : [join(import.meta.dir, "../main.ts")];
  return [process.execPath, ...script, ROLES[role], ...args];
}
