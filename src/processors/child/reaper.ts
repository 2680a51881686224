import { readdirSync, readFileSync } from "node:fs";
import { libc } from "../../lib/libc.ts";

/** Processes that end within so many ms are reaped together. */
const REAP_MS = 50;
const WNOHANG = 1;

/**
 * Reaps the processes that this one has adopted, from now on, as they end; no zombies of them stay. Linux
 * only.
 *
 * @param isOwn tells a child that Bun waits for. It is left alone, so waitpid(-1) is out of the question
 * @returns reaps what has ended at this moment
 */
export function reapAdopted(isOwn: (pid: number) => boolean): () => void {
  const waitpid = process.platform === "linux" ? libc("waitpid") : undefined;
  if (!waitpid) return () => {};
  const reap = () => {
    for (const pid of children()) if (!isOwn(pid)) waitpid(pid, null, WNOHANG);
  };
  let due = false;
  process.on("SIGCHLD", () => {
    if (due) return;
    due = true;
    setTimeout(() => {
      due = false;
      reap();
    }, REAP_MS);
  });
  return reap;
}

/** The children of this process, also those that have ended, from proc(5). */
function children(): number[] {
  try {
    const tasks = "/proc/self/task";
    return readdirSync(tasks).flatMap((task) => childrenOf(`${tasks}/${task}/children`));
  } catch {
    // No descriptor to look with, or a kernel without these files: they stay until a later end.
    return [];
  }
}

function childrenOf(file: string): number[] {
  try {
    return readFileSync(file, "latin1").split(" ").filter(Boolean).map(Number);
  } catch (error) {
    // The thread ended while we looked.
    if ((error as { code?: string }).code === "ENOENT") return [];
    throw error;
  }
}
