import { lstatSync, rmSync } from "node:fs";
import { XsError } from "../core/error.ts";
import { isSocketAlive, shortestPath } from "./unix-socket.ts";

/** How long a socket may outlive its process, and how often to look, in ms. */
const DYING_MS = 2000;
const DYING_POLL_MS = 50;

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
