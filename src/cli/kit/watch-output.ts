import { ptr } from "bun:ffi";
import { libc } from "../../lib/libc.ts";

const POLLERR = 8;
const POLL_MS = 100;

/**
 * Ends the process when the reader of stdout has gone. `head -1`, for example, goes after one line. The next write
 * would fail, but a follow may have nothing to write for ever. The runtime reports no closed pipe, so this function
 * asks the kernel, with poll(2).
 */
export function watchOutput(): void {
  const poll = libc("poll");
  if (!poll) return;
  // struct pollfd { int fd; short events; short revents; }
  const pollfd = new DataView(new ArrayBuffer(8));
  pollfd.setInt32(0, 1, true);
  setInterval(() => {
    poll(ptr(pollfd), 1, 0);
    if ((pollfd.getInt16(6, true) & POLLERR) !== 0) process.exit(0);
  }, POLL_MS).unref();
}
