import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/wait.ts";

/** Everything by which a process changes a file or a directory, or tells somebody of it. */
const CALLS = [
  ..."open openat openat2 creat close dup dup2 dup3 write pwrite64 writev pwritev pwritev2".split(
    " ",
  ),
  ..."rename renameat renameat2 unlink unlinkat rmdir mkdir mkdirat link linkat symlink".split(" "),
  ..."symlinkat truncate ftruncate fallocate fsync fdatasync sync syncfs sync_file_range".split(
    " ",
  ),
  ..."msync copy_file_range sendfile splice io_uring_setup sendto sendmsg".split(" "),
];

/** Longest text that strace is to print of one write, in bytes. */
const MOST_BYTES = 2 * 1024 * 1024;

/** A system call, with times in ms since 1970. */
export interface SystemCall {
  readonly name: string;
  readonly start: number;
  /** Infinity where the process was killed in it. */
  readonly end: number;
  /** As strace prints them, with every text in hexadecimal digits. */
  readonly args: string;
  /** What it gave; NaN where the process was killed in it. */
  readonly result: number;
}

/** The command that traces what it runs, which stays the child of the caller. */
export function tracer(directory: string): string[] {
  const times = ["--absolute-timestamps=unix,ns", "--syscall-times=ns"];
  const how = ["-D", "-ff", "--seccomp-bpf", "-xx", "-s", String(MOST_BYTES)];
  return ["strace", ...how, ...times, "-e", `trace=${CALLS}`, "-o", join(directory, "trace")];
}

/** The calls of a process that has ended, in the order in which they began. */
export async function readTrace(directory: string, pid: number): Promise<SystemCall[]> {
  await until("the end of the trace", () =>
    /\n?[0-9.]+ \+\+\+ (exited|killed)[^\n]*\n$/.test(
      readFileSync(join(directory, `trace.${pid}`), "latin1").slice(-200),
    ),
  );
  const calls = readdirSync(directory).flatMap((name) =>
    readFileSync(join(directory, name), "latin1").split("\n").flatMap(parseCall),
  );
  return calls.sort((a, b) => a.start - b.start);
}

function parseCall(line: string): SystemCall[] {
  const [, time, name = "", rest = ""] = /^([0-9.]+) (\w+)\((.*)$/.exec(line) ?? [];
  if (time === undefined) return [];
  const start = Number(time) * 1000;
  const [, args, result, seconds] = /^(.*)\) += (-?[0-9]+)[^"]*<([0-9.]+)>$/.exec(rest) ?? [];
  if (args === undefined) {
    // `…) = ?`, or `… <unfinished ...>`: the process was killed in it.
    const given = rest.replace(/\)? +(= \?|<unfinished).*$/, "");
    return [{ name, start, end: Infinity, args: given, result: Number.NaN }];
  }
  const end = start + Number(seconds) * 1000;
  // A call that failed changed nothing.
  return Number(result) < 0 ? [] : [{ name, start, end, args, result: Number(result) }];
}

/** The texts among the arguments of a call, in their order. */
export function textsIn(args: string): Buffer[] {
  if (args.includes('"...')) throw new Error("strace has cut a text off: raise its limit");
  return [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex = ""]) =>
    Buffer.from(hex.replaceAll("\\x", ""), "hex"),
  );
}

/** The arguments without their texts, by their places. */
export function wordsIn(args: string): string[] {
  return args.replace(/"[^"]*"/g, '""').split(", ");
}
