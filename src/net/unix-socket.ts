import { XsError } from "../core/error.ts";
import { paths } from "../lib/builtins.ts";

/** The longest path in `sockaddr_un`, without the final NUL: the field has 104 bytes on macOS, 108 on Linux. */
const MAX_SOCKET_PATH = process.platform === "linux" ? 107 : 103;

/**
 * Returns the shorter of a socket's absolute path and its path from the current folder, because the
 * kernel limits the length.
 *
 * @throws XsError `store_not_found` where both are too long
 */
export function shortestPath(path: string): string {
  const here = paths().relative(process.cwd(), path);
  const shorter = Buffer.byteLength(here) < Buffer.byteLength(path) ? here : path;
  if (isShortEnough(shorter)) return shorter;
  throw new XsError(
    "store_not_found",
    `the socket path ${path} is longer than the ${MAX_SOCKET_PATH} bytes the system allows: use a store with a shorter path, or go to a directory closer to it`,
  );
}

/** Tells whether the system takes a path for a socket: its length in bytes is limited. */
export function isShortEnough(path: string): boolean {
  // Not with `Buffer`, which costs a command's start as much as this whole file.
  return new TextEncoder().encode(path).length <= MAX_SOCKET_PATH;
}

/**
 * Tells whether a process listens on a unix socket.
 *
 * @throws XsError `store_in_use` if the socket belongs to another user
 */
export async function isSocketAlive(unix: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix, socket: { data() {} } });
    socket.end();
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== "EACCES") return false;
    throw new XsError("store_in_use", `${unix} belongs to another user`, { cause: error });
  }
}
