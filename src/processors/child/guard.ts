import { readdirSync, readFileSync } from "node:fs";
import { libc } from "../../lib/libc.ts";
import { reapAdopted } from "./reaper.ts";
import { takeName } from "./self.ts";

/** What the guard is told: end the program, in its own time or as the server has gone. */
export type ToGuard = "stop";
/** What it tells: the program runs; it could not be started, with the errno; it has ended; what it left unread of its input. */
export type FromGuard =
  | { pid: number }
  | { failed: string; code: string | undefined }
  | { code: number | null; signal: string | null }
  | { unread: number };

/** How long a program may take to end after SIGTERM, in ms. */
const GRACE_MS = 5000;
/** The same where the server is gone. */
const ORPHAN_GRACE_MS = 2000;
const POLL_MS = 20;
const PR_SET_CHILD_SUBREAPER = 36;

/**
 * Runs a program and answers for all that comes of it. The guard is a process of its own between the
 * server and the program, so that nothing outlives the server even if that is killed: it holds a
 * channel to the server, and ends the program when that closes. What the program starts stays below
 * the guard, whatever process group or session it goes to. The program has the guard's own stdin,
 * stdout and stderr; the guard touches none of them, but when the program is over it counts what is
 * left unread of stdin.
 */
export async function guard(command: string[]): Promise<never> {
  takeName();
  // These are the program's affair: the server tells the guard when it is to end.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  let child: Bun.Subprocess | undefined;
  adoptOrphans();
  const reap = reapAdopted((pid) => pid === child?.pid);
  let killAt = Infinity;
  const endIn = (ms: number) => {
    killAt = Math.min(killAt, performance.now() + ms);
    if (child && child.exitCode === null && child.signalCode === null) terminate(child.pid);
  };
  let serverGone = false;
  process.on("disconnect", () => {
    serverGone = true;
    endIn(ORPHAN_GRACE_MS);
  });
  process.on("message", (message: ToGuard) => {
    if (message === "stop") endIn(GRACE_MS);
  });
  const killer = setInterval(() => {
    if (performance.now() >= killAt) killAll();
  }, POLL_MS * 5);
  try {
    child = Bun.spawn(command, { stdio: ["inherit", "inherit", "inherit"], detached: true });
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    tell({ failed: message, code });
    process.exit(0);
  }
  tell({ pid: child.pid });
  const code = await child.exited;
  const { signalCode } = child;
  // What it left behind ends with it.
  terminate(child.pid);
  const end = Math.min(killAt, performance.now() + (serverGone ? ORPHAN_GRACE_MS : GRACE_MS));
  while (descendants().length > 0) {
    if (performance.now() >= end) killAll();
    await Bun.sleep(POLL_MS);
  }
  clearInterval(killer);
  // It would go to a process that may know nothing of it, as the first one of a container.
  reap();
  tell(signalCode === null ? { code, signal: null } : { code: null, signal: String(signalCode) });
  // The server closes its end when it is told.
  let unread = 0;
  for await (const bytes of Bun.stdin.stream()) unread += bytes.length;
  tell({ unread });
  process.exit(0);
}

function tell(message: FromGuard): void {
  if (process.connected) process.send?.(message);
}

/**
 * Makes processes that lose their parent below this one its own children. Linux only; elsewhere, or with
 * another libc, what leaves its process group is out of reach.
 */
function adoptOrphans(): void {
  if (process.platform === "linux") libc("prctl")?.(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/** SIGTERM to the program's process group, and to whatever else is below this process. */
function terminate(group: number): void {
  signal(-group, "SIGTERM");
  for (const { pid, pgrp } of descendants()) if (pgrp !== group) signal(pid, "SIGTERM");
}

function killAll(): void {
  for (const { pid } of descendants()) signal(pid, "SIGKILL");
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has gone by itself.
  }
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly pgrp: number;
  /** It waits to be reaped. */
  readonly ended: boolean;
}

/** All that live below this process, from proc(5). Without it: the children's process groups. */
function descendants(): Process[] {
  const all = processes();
  const found: Process[] = [];
  const parents = [process.pid];
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const each of all) {
      if (each.parent !== parent || each.ended) continue;
      found.push(each);
      parents.push(each.pid);
    }
  }
  return found;
}

function processes(): Process[] {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  const found: Process[] = [];
  for (const name of names) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      // The name in parentheses may hold anything; after it: state, parent, process group.
      const [state, parent, pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      found.push({
        pid: Number(name),
        parent: Number(parent),
        pgrp: Number(pgrp),
        ended: state === "Z",
      });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}
