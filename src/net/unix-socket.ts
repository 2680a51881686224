import { lookup } from "node:dns/promises";
import { lstatSync, rmSync } from "node:fs";
import { relative } from "node:path";
import { XsError } from "../core/error.ts";
import { formatListenAddress, type ListenAddress, type TcpAddress } from "./listen-address.ts";

/** The longest path in `sockaddr_un`, without the final NUL: the field has 104 bytes on macOS, 108 on Linux. */
const MAX_SOCKET_PATH = process.platform === "linux" ? 107 : 103;

/** How long a socket may outlive its process, and how often to look, in ms. */
const DYING_MS = 2000;
const DYING_POLL_MS = 50;

/**
 * Returns the shorter of a socket's absolute path and its path from the current folder, because the
 * kernel limits the length.
 *
 * @throws XsError `store_not_found` where both are too long
 */
export function shortestPath(path: string): string {
  const here = relative(process.cwd(), path);
  const shorter = Buffer.byteLength(here) < Buffer.byteLength(path) ? here : path;
  if (Buffer.byteLength(shorter) <= MAX_SOCKET_PATH) return shorter;
  throw new XsError(
    "store_not_found",
    `the socket path ${path} is longer than the ${MAX_SOCKET_PATH} bytes the system allows: use a store with a shorter path, or go to a directory closer to it`,
  );
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

/**
 * Prepares the path of a socket: removes a stale socket, on which no process listens, and nothing else.
 * Returns the path to bind.
 *
 * @throws XsError `store_in_use`, `address_in_use`
 */
export async function claimSocket(path: string): Promise<string> {
  const unix = shortestPath(path);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return unix;
  if (!found.isSocket()) {
    throw new XsError("address_in_use", `${path} exists and is no socket: name another path`);
  }
  // A child of a process that was killed may hold its socket for a moment more.
  const end = performance.now() + DYING_MS;
  for (; await isSocketAlive(unix); await Bun.sleep(DYING_POLL_MS)) {
    if (performance.now() < end) continue;
    throw new XsError("store_in_use", `something else answers on ${path}: stop it first`);
  }
  rmSync(path);
  return unix;
}

/**
 * Checks, before a server listens, that its host name resolves: for an unknown host, `listen` fails with
 * an error that depends on the resolver.
 *
 * @throws XsError `cannot_listen`
 */
export async function checkHost(at: TcpAddress): Promise<void> {
  try {
    await lookup(at.hostname);
  } catch (cause) {
    throw listenError(at, { code: "ENOTFOUND", message: "", cause });
  }
}

/** The reasons why listening fails, by the code of the error. */
const REFUSALS: Readonly<Record<string, string>> = {
  EACCES: "that is not allowed",
  EADDRINUSE: "it is taken already",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOENT: "there is no such directory",
  ENOTFOUND: "there is no such host",
};

/** Turns the error of a failed attempt to listen into one for the user. */
export function listenError(at: ListenAddress, error: unknown): XsError {
  const { code = "", message } = error as Error & { code?: string };
  return new XsError(
    code === "EADDRINUSE" ? "address_in_use" : "cannot_listen",
    `cannot listen at ${formatListenAddress(at)}: ${REFUSALS[code] ?? message}; name another place`,
    { cause: error },
  );
}
