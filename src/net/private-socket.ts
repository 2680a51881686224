import { chmodSync } from "node:fs";
import { claimSocket } from "./claim-socket.ts";
import { listenError } from "./listen-error.ts";

/**
 * Binds a unix socket that only its owner may use, from its first moment. It replaces a stale socket, and
 * removes no other file.
 *
 * @param bind binds the path before it returns; a promise that it returns is awaited afterwards
 * @throws XsError `store_in_use`, `address_in_use`, `cannot_listen`
 */
export async function bindPrivately<T>(
  path: string,
  bind: (unix: string) => T | Promise<T>,
): Promise<T> {
  const unix = await claimSocket(path);
  // The umask sets the mode of a socket, and applies to the whole process: it is restored before other
  // code runs, and its owner can still enter a folder that a thread makes meanwhile.
  const umask = process.umask(0o077);
  try {
    let bound: T | Promise<T>;
    try {
      bound = bind(unix);
    } finally {
      process.umask(umask);
    }
    const value = await bound;
    chmodSync(path, 0o600);
    return value;
  } catch (error) {
    throw listenError({ path }, error);
  }
}
