import { relative } from "node:path";
import { XsError } from "../frame/error.ts";

/** What fits into `sockaddr_un`, less the closing NUL: 104 bytes on macOS, 108 on Linux. */
const MAX_SOCKET_PATH = process.platform === "linux" ? 107 : 103;

/**
 * The shorter of a socket's absolute path and the one from here, as the kernel takes only so much.
 *
 * @throws XsError `store_not_found` where both are too long
 */
export function shortestPath(path: string): string {
  const here = relative(process.cwd(), path);
  const shorter = Buffer.byteLength(here) < Buffer.byteLength(path) ? here : path;
  if (Buffer.byteLength(shorter) <= MAX_SOCKET_PATH) return shorter;
  throw new XsError(
    "store_not_found",
    `the socket path ${path} is longer than the ${MAX_SOCKET_PATH} bytes the system takes: use a store with a shorter path, or go to a directory closer to it`,
  );
}

/**
 * Tells whether somebody answers on a unix socket.
 *
 * @throws XsError `store_in_use` where it is not ours to ask
 */
export async function answers(unix: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix, socket: { data() {} } });
    socket.end();
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== "EACCES") return false;
    throw new XsError("store_in_use", `${unix} belongs to another user`, { cause: error });
  }
}
