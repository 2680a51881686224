import { readFileSync } from "node:fs";
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

/**
 * A system call, with times in ms since 1970. Of the starts and ends of all calls of a trace, no two
 * are the same, and they are in the order in which strace met them.
 */
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

/**
 * The command that traces what it runs, which stays the child of the caller. All threads are in one
 * file: strace stamps the start of a call and measures its length at different moments, and so only
 * the order of the lines tells what was before what.
 */
export function tracer(file: string): string[] {
  const times = ["--absolute-timestamps=unix,ns", "--syscall-times=ns"];
  const how = ["-D", "-f", "--seccomp-bpf", "-xx", "-s", String(MOST_BYTES)];
  return ["strace", ...how, ...times, "-e", `trace=${CALLS}`, "-o", file];
}

/** The calls of a process that has ended, in the order in which they began. */
export async function readTrace(file: string, pid: number): Promise<SystemCall[]> {
  const end = new RegExp(`^${pid} +[0-9.]+ [+]{3} (exited|killed).*\n$`, "m");
  const trace = await until("the end of the trace", () => {
    const text = readFileSync(file, "latin1");
    return end.test(text.slice(-200)) && text;
  });
  return parseTrace(trace);
}

/** How far apart the moments of a trace are at least, in ms. */
const STEP = 0.001;

/** The calls in the text of a trace, without those that failed: they changed nothing. */
export function parseTrace(text: string): SystemCall[] {
  const calls: { -readonly [key in keyof SystemCall]: SystemCall[key] }[] = [];
  /** The call that each thread is in. */
  const begun = new Map<string, (typeof calls)[number]>();
  let last = 0;
  for (const line of text.split("\n")) {
    // `7 1.5 fsync(3 <unfinished ...>`, then `7 1.7 <... fsync resumed>) = 0 <0.2>`; or in one.
    const [, thread, stamp, name = "", rest = ""] =
      /^([0-9]+) +([0-9.]+) (?:<\.\.\. )?(\w+)(?:\(| resumed>)(.*)$/.exec(line) ?? [];
    if (thread === undefined) continue;
    last = Math.max(Number(stamp) * 1000, last + STEP);
    const resumed = begun.get(thread);
    const call = resumed ?? { name, start: last, end: Infinity, args: "", result: Number.NaN };
    if (!resumed) calls.push(call);
    const [, args, result, seconds] = /^(.*)\) += (-?[0-9]+)[^"]*<([0-9.]+)>$/.exec(rest) ?? [];
    // Otherwise it is still in it, or was killed in it: `…) = ?`.
    call.args += args ?? rest.replace(/\)? +(= \?|<unfinished).*$/, "");
    if (args === undefined) {
      begun.set(thread, call);
      continue;
    }
    begun.delete(thread);
    if (!resumed) last += Number(seconds) * 1000;
    call.end = last;
    call.result = Number(result);
  }
  return calls.filter(({ result }) => !(result < 0));
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
