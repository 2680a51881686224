import { readdirSync, readFileSync } from "node:fs";

const GRACE_MS = 5000;
const POLL_MS = 50;
const NUL = "\0";

/**
 * Ends the processes that the commands of handlers have left behind: SIGTERM, and SIGKILL after five seconds. It knows them by the
 * variable `XS_SPAWN_ID` in their environment. Linux only: elsewhere they run until the server ends.
 *
 * @param spawnIds the spawns of the handlers
 */
export async function endLeftBehind(spawnIds: ReadonlySet<string>): Promise<void> {
  if (process.platform !== "linux") return;
  const signalled = new Set<number>();
  const end = performance.now() + GRACE_MS;
  for (let left = processesOf(spawnIds); left.length > 0; left = processesOf(spawnIds)) {
    const kill = performance.now() >= end;
    for (const pid of left) {
      if (!kill && signalled.has(pid)) continue;
      signalled.add(pid);
      signal(pid, kill ? "SIGKILL" : "SIGTERM");
    }
    await Bun.sleep(POLL_MS);
  }
}

function processesOf(spawnIds: ReadonlySet<string>): number[] {
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid || pid === process.ppid) return [];
    return spawnIds.has(spawnOf(pid) ?? "") ? [pid] : [];
  });
}

/** The spawn in the environment of a process; undefined where it has ended, or belongs to another user. */
function spawnOf(pid: number): string | undefined {
  try {
    const all = `${NUL}${readFileSync(`/proc/${pid}/environ`, "latin1")}`;
    const at = all.indexOf(`${NUL}XS_SPAWN_ID=`);
    return at < 0 ? undefined : all.slice(at + 13, at + 13 + 25);
  } catch {
    return undefined;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}
