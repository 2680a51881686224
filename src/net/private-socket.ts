import { chmodSync } from "node:fs";
import { claimSocket, listenError } from "./unix-socket.ts";

/**
 * Binds a unix socket that is for its owner alone, never open to others even for a moment. A stale
 * socket in its place is removed, and nothing else is.
 *
 * @param bind binds the path it is given before it returns; what it gives is waited for afterwards
 * @throws XsError `store_in_use`, `address_in_use`, `cannot_listen`
 */
export async function bindPrivately<T>(
  path: string,
  bind: (unix: string) => T | Promise<T>,
): Promise<T> {
  const unix = await claimSocket(path);
  // The mode of a socket follows the umask, which is that of the whole process: it is back before
  // anything else runs, and a folder that a thread makes meanwhile can still be entered.
  const umask = process.umask(0o077);
  let bound: T | Promise<T>;
  try {
    bound = bind(unix);
  } catch (error) {
    throw listenError({ path }, error);
  } finally {
    process.umask(umask);
  }
  try {
    const value = await bound;
    chmodSync(path, 0o600);
    return value;
  } catch (error) {
    throw listenError({ path }, error);
  }
}
