import { ptr } from "bun:ffi";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { libc } from "../lib/libc.ts";

/** Linux: `epoll_ctl(2)`, `socket(7)`. */
const EPOLL_CTL_MOD = 3;
const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;
/** `struct epoll_event` is packed on x86_64 alone. */
const DATA_AT = process.arch === "x64" ? 4 : 8;

/** A listening socket of this process, as its event loop has registered it. */
export interface ListeningSocket {
  readonly fd: number;
  /** The descriptor of the event loop. */
  readonly epoll: number;
  /** The registered events and user data (`struct epoll_event`). */
  readonly events: number;
  readonly data: bigint;
}

/**
 * The sockets on which this process listens; none on other systems than Linux. Bun cannot pause a
 * listening socket, so {@link setAccepting} changes the registration in Bun's epoll instead.
 *
 * @throws Error if no descriptor is left
 */
export function listeningSockets(): ListeningSocket[] {
  if (!existsSync("/proc/self/fdinfo")) return [];
  return eventLoops()
    .flatMap(watchedBy)
    .filter(({ fd }) => isListening(fd));
}

/** Lets a socket accept connections, or leaves them in the queue of the kernel. */
export function setAccepting(socket: ListeningSocket, on: boolean): void {
  // The descriptor of a closed socket may belong to another file by now.
  if (!watchedBy(socket.epoll).some((one) => isSame(one, socket)) || !isListening(socket.fd))
    return;
  const { fd, epoll, events, data } = socket;
  const event = new Uint8Array(DATA_AT + 8);
  const view = new DataView(event.buffer);
  view.setUint32(0, on ? events : 0, true);
  view.setBigUint64(DATA_AT, data, true);
  libc("epoll_ctl")?.(epoll, EPOLL_CTL_MOD, fd, ptr(event));
}

/** Tells whether two entries are the same socket. */
export function isSame(one: ListeningSocket, other: ListeningSocket): boolean {
  return one.fd === other.fd && one.data === other.data;
}

/** Everything that an event loop has registered. */
function watchedBy(epoll: number): ListeningSocket[] {
  const lines = readFileSync(`/proc/self/fdinfo/${epoll}`, "latin1");
  return [...lines.matchAll(/^tfd: +(\d+) events: +([0-9a-f]+) data: +([0-9a-f]+)/gm)].map(
    ([, fd, events, data]) => ({
      fd: Number(fd),
      epoll,
      events: Number.parseInt(events ?? "", 16),
      data: BigInt(`0x${data}`),
    }),
  );
}

function eventLoops(): number[] {
  return readdirSync("/proc/self/fd").flatMap((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).includes("[eventpoll]") ? [Number(name)] : [];
    } catch {
      // This descriptor read the directory and is closed by now.
      return [];
    }
  });
}

function isListening(fd: number): boolean {
  const answer = new Int32Array(1);
  const size = new Int32Array([answer.byteLength]);
  const status = libc("getsockopt")?.(fd, SOL_SOCKET, SO_ACCEPTCONN, ptr(answer), ptr(size));
  return status === 0 && answer[0] === 1;
}
