import { readdirSync, readFileSync } from "node:fs";
import { libc } from "../../lib/libc.ts";

/** How long to wait after SIGCHLD, so that processes which end together are reaped together. */
const REAP_MS = 50;
const WNOHANG = 1;

/**
 * Reaps adopted processes when they end, from now on, so that they do not stay as zombies. Linux only.
 *
 * @param isOwn whether Bun waits for a child. Such a child is not reaped here, which is why waitpid(-1) is not used
 * @returns a function that reaps all adopted processes which have ended
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

/** The pids of the children of this process, zombies included, from proc(5). */
function children(): number[] {
  try {
    const tasks = "/proc/self/task";
    return readdirSync(tasks).flatMap((task) => childrenOf(`${tasks}/${task}/children`));
  } catch {
    // There is no free descriptor, or the kernel lacks these files: zombies stay until a later call.
    return [];
  }
}

function childrenOf(file: string): number[] {
  try {
    return readFileSync(file, "latin1").split(" ").filter(Boolean).map(Number);
  } catch (error) {
    // The thread ended meanwhile.
    if ((error as { code?: string }).code === "ENOENT") return [];
    throw error;
  }
}
