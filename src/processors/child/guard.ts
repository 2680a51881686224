import { readdirSync, readFileSync } from "node:fs";
import { libc } from "../../lib/libc.ts";
import { takeName } from "../../lib/self.ts";
import { reapAdopted } from "./reaper.ts";

/** The message to a guard: end the program, or end it at once. */
export type ToGuard = "stop" | "end";
/**
 * The messages of a guard: the program runs; it could not be started, with the errno; it has ended; how many bytes of
 * its input it never read.
 */
export type FromGuard =
  | { pid: number }
  | { failed: string; code: string | undefined }
  | { code: number | null; signal: string | null }
  | { unread: number };

/** How long a program may take to end after SIGTERM. */
const GRACE_MS = 5000;
/** The same where the server is gone. */
const ORPHAN_GRACE_MS = 2000;
/** The same where it is to end at once. */
const END_GRACE_MS = 500;
const POLL_MS = 20;
const PR_SET_CHILD_SUBREAPER = 36;

/**
 * Runs a program, and ends every process that it starts. The guard is a process between the server and the
 * program, so that nothing outlives even a killed server: the guard holds a channel to the server, and ends the
 * program when the channel closes. Every process that the program starts stays below the guard, whatever process
 * group or session it joins. The program inherits stdin, stdout and stderr from the guard. The guard uses none of
 * them, but when the program has ended it counts the unread bytes of stdin.
 */
export async function guard(command: string[]): Promise<never> {
  takeName();
  // Signals must not end the guard before the program: the server tells it when to stop.
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
    endIn(message === "stop" ? GRACE_MS : END_GRACE_MS);
  });
  const killer = setInterval(() => {
    if (performance.now() >= killAt) killAll();
  }, POLL_MS * 5);
  try {
    child = Bun.spawn(command, { stdio: ["inherit", "inherit", "inherit"], detached: true });
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    send({ failed: message, code });
    process.exit(0);
  }
  send({ pid: child.pid });
  const code = await child.exited;
  const { signalCode } = child;
  // The processes that the program left behind end with it.
  terminate(child.pid);
  const end = Math.min(killAt, performance.now() + (serverGone ? ORPHAN_GRACE_MS : GRACE_MS));
  while (descendants().length > 0) {
    if (performance.now() >= end) killAll();
    await Bun.sleep(POLL_MS);
  }
  clearInterval(killer);
  // A zombie would pass to process 1, which may not reap it, as in a container.
  reap();
  send(signalCode === null ? { code, signal: null } : { code: null, signal: String(signalCode) });
  // The server closes its end of stdin after that message.
  let unread = 0;
  for await (const bytes of Bun.stdin.stream()) unread += bytes.length;
  send({ unread });
  process.exit(0);
}

function send(message: FromGuard): void {
  if (process.connected) process.send?.(message);
}

/**
 * Makes this process adopt the orphans below it. Linux only: elsewhere, or with another libc, a process that leaves
 * the program's group escapes the guard.
 */
function adoptOrphans(): void {
  if (process.platform === "linux") libc("prctl")?.(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/** Sends SIGTERM to the program's process group, and to every other process below this one. */
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
    // The process has ended.
  }
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly pgrp: number;
  /** It is a zombie, which waits to be reaped. */
  readonly ended: boolean;
}

/** All live processes below this one, from proc(5); none where the system has no /proc. */
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
      // The process ended meanwhile.
    }
  }
  return found;
}
