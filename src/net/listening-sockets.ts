import { ptr } from "bun:ffi";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { libc } from "../lib/libc.ts";

/** Linux: `epoll_ctl(2)`, `socket(7)`. */
const EPOLL_CTL_MOD = 3;
const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;
/** `struct epoll_event` is packed on x86_64 alone. */
const DATA_AT = process.arch === "x64" ? 4 : 8;

/** A listening socket of this process, as the event loop waits for it. */
export interface ListeningSocket {
  readonly fd: number;
  /** The descriptor of the event loop. */
  readonly epoll: number;
  /** What it waits for, and what it knows the socket by. */
  readonly events: number;
  readonly data: bigint;
}

/**
 * The sockets on which this process listens. Bun cannot stop one from taking connections and let it go
 * on later, so that is done where its event loop asks the kernel for them. Elsewhere than on Linux
 * there are none.
 *
 * @throws where no descriptor is left
 */
export function listeningSockets(): ListeningSocket[] {
  if (!existsSync("/proc/self/fdinfo")) return [];
  return eventLoops()
    .flatMap(watchedBy)
    .filter(({ fd }) => isListening(fd));
}

/** Lets a socket take connections, or leaves them in the queue of the kernel. */
export function setAccepting(socket: ListeningSocket, on: boolean): void {
  // The number of a socket that was closed may be that of another file by now.
  if (!watchedBy(socket.epoll).some((one) => isSame(one, socket)) || !isListening(socket.fd))
    return;
  const { fd, epoll, events, data } = socket;
  const event = new Uint8Array(DATA_AT + 8);
  const view = new DataView(event.buffer);
  view.setUint32(0, on ? events : 0, true);
  view.setBigUint64(DATA_AT, data, true);
  libc("epoll_ctl")?.(epoll, EPOLL_CTL_MOD, fd, ptr(event));
}

/** Tells whether two are one socket. */
export function isSame(one: ListeningSocket, other: ListeningSocket): boolean {
  return one.fd === other.fd && one.data === other.data;
}

/** All that an event loop waits for. */
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
      // The one that the directory was read with.
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
