import { openSync } from "node:fs";
import { libc } from "../../lib/libc.ts";

/** fcntl(2): a copy of a descriptor, not below a number, which programs that are started do not get. */
const F_DUPFD_CLOEXEC = process.platform === "darwin" ? 67 : 1030;
/** Above the standard streams. */
const FIRST = 3;

/** Where the lines of the protocol come from and go to: descriptors. */
export interface ProtocolStreams {
  readonly input: number;
  readonly output: number;
}

/**
 * Moves the protocol away from standard input and output: a program that the script starts gets those
 * as they are, and would take lines from the server or write between ours. From then on standard input
 * is empty, and what goes to standard output comes out where standard error does.
 */
export function takeProtocolStreams(): ProtocolStreams {
  const [fcntl, dup2] = [libc("fcntl"), libc("dup2")];
  if (!fcntl || !dup2) return { input: 0, output: 1 };
  const input = fcntl(0, F_DUPFD_CLOEXEC, FIRST);
  const output = fcntl(1, F_DUPFD_CLOEXEC, FIRST);
  const empty = openSync("/dev/null", "r");
  if (input < 0 || output < 0 || dup2(empty, 0) < 0 || dup2(2, 1) < 0)
    throw Object.assign(new Error("EMFILE: there is no free descriptor"), { code: "EMFILE" });
  return { input, output };
}
