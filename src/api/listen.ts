import { chmodSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { XsError } from "../frame/error.ts";
import { answers, shortestPath } from "../store/socket-path.ts";
import type { Api } from "./api.ts";
import { problemResponse } from "./errors.ts";

export interface Listener {
  /**
   * Stops taking requests and removes the socket. Requests under way have `ms` to end, then their
   * connections are closed.
   */
  stop(ms: number): Promise<void>;
}

/**
 * Answers on the unix socket of a store. The caller holds the store's lock, so a socket that is
 * there already is either stale or somebody else's: it is removed only if nobody answers on it.
 *
 * @throws XsError `store_in_use`
 */
export async function listen(directory: string, answer: Api): Promise<Listener> {
  const path = join(directory, "sock");
  const unix = shortestPath(path);
  if (existsSync(path)) {
    if (await answers(unix)) {
      throw new XsError("store_in_use", `something else answers on ${path}: stop it first`);
    }
    rmSync(path);
  }
  // The socket's mode follows the umask: nobody else may connect, not even for a moment.
  const umask = process.umask(0o177);
  let server: ReturnType<typeof Bun.serve>;
  try {
    server = Bun.serve({
      unix,
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: answer,
      error: (error) => problemResponse(error),
      // A following read may be silent for ever. The types leave this out for a unix socket.
      ...({ idleTimeout: 0 } as object),
    });
  } finally {
    process.umask(umask);
  }
  chmodSync(path, 0o600);
  return {
    async stop(ms) {
      const late = setTimeout(() => void server.stop(true), ms);
      await server.stop();
      clearTimeout(late);
      rmSync(path, { force: true });
    },
  };
}
