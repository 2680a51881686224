import { XsError } from "../core/error.ts";
import { fs, paths } from "../lib/builtins.ts";
import { isShortEnough, isSocketAlive, shortestPath } from "../net/unix-socket.ts";
import { isMigrating } from "../store/is-store.ts";
import { type Holder, lockHolder } from "../store/lock-holder.ts";

/** The longest wait for another process that holds the store and does not answer, in ms. */
const LOCK_WAIT_MS = 10_000;
const POLL_MS = 5;

/** The way to a store: the socket of its server, or the value that `open` returned. */
export type Reached<T> = { readonly unix: string } | { readonly opened: T };

/**
 * Finds the server of a store or opens the store, whichever works first. A process that holds its lock is
 * either a command that soon ends, or a server that soon listens.
 *
 * @param open returns undefined if another process has the store open
 * @throws XsError `store_in_use` after ten seconds
 */
export async function reach<T>(
  directory: string,
  open: () => T | undefined | Promise<T | undefined>,
): Promise<Reached<T>> {
  const deadline = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    const found = await findSocket(directory).catch((error: Error) => error);
    if (typeof found === "string") return { unix: found };
    // This user may be allowed to read the files, even if not to use the socket.
    const opened = await Promise.try(open).catch((error) => {
      throw found ?? error;
    });
    if (opened !== undefined) return { opened };
    if (found) throw found;
    const isHopeless = isNoSocket(socketOf(directory));
    if (isHopeless || performance.now() > deadline) throw inUse(directory, lockHolder(directory));
    await Bun.sleep(POLL_MS);
  }
}

/** Where a server of the store listens in the usual case; undefined if only a path from the current folder is short enough. */
export function usualSocket(directory: string): string | undefined {
  const path = `${directory}/sock`;
  return isShortEnough(path) ? path : undefined;
}

/** The path of a store's socket, or of the given socket, if a process listens on it. */
async function findSocket(directory: string): Promise<string | undefined> {
  // The usual case, in which no file needs a look. Where it fails, what follows finds out why.
  const usual = usualSocket(directory);
  if (usual && (await isSocketAlive(usual).catch(() => false))) return usual;
  const path = socketOf(directory);
  if (!fs().existsSync(path)) return undefined;
  const unix = shortestPath(path);
  return (await isSocketAlive(unix)) ? unix : undefined;
}

/** The path of a store's socket. A socket of `--expose` is itself an address. */
export function socketOf(directory: string): string {
  const isSocket = fs().statSync(directory, { throwIfNoEntry: false })?.isSocket();
  return isSocket ? directory : paths().join(directory, "sock");
}

/** Tells whether the path exists and is no socket, so that no server will ever listen on it. */
function isNoSocket(path: string): boolean {
  return fs().statSync(path, { throwIfNoEntry: false })?.isSocket() === false;
}

/** The refusal of a store that another process has open and does not serve, or not yet, or no more. */
export function inUse(directory: string, holder: Holder | undefined): XsError {
  const sock = paths().join(directory, "sock");
  if (!holder) {
    const what = `another process has ${directory} open and does not answer on ${sock}`;
    return new XsError("store_in_use", `${what}: wait for it, or stop it`);
  }
  const { pid, command, serves } = holder;
  const who = `process ${pid} (${command}) has ${directory} open`;
  if (isMigrating(directory)) {
    return new XsError(
      "store_in_use",
      `${who}, and is migrating it to a newer schema: wait until that is done`,
    );
  }
  if (isNoSocket(sock)) {
    return new XsError("store_in_use", `${who}, and ${sock} is not its socket: remove it`);
  }
  return new XsError(
    "store_in_use",
    serves
      ? `${who}, and its socket ${sock} does not answer: it is starting or stopping, or it hangs; wait, or stop it with  kill ${pid}`
      : `${who} without serving it: wait for it, or stop it`,
  );
}
