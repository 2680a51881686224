import { join } from "node:path";
import type { Door } from "../net/descriptors.ts";
import { KeptSocket, type SocketOwner } from "../net/kept-socket.ts";
import { formatListenAddress, type ListenAddress } from "../net/listen-address.ts";
import { tokenOf } from "../net/token.ts";
import { checkHost, listenError } from "../net/unix-socket.ts";
import { checkVisitor, hostsOf } from "../net/visitor.ts";
import type { Api } from "./call.ts";
import { problemResponse } from "./errors.ts";
import { withTrueHeads } from "./head.ts";

/**
 * A client that has not shown the token may be silent for so long, in seconds. Before the head of its
 * first request is whole, the HTTP layer has a limit of its own, of about 12.
 */
const STRANGER_S = 10;

export interface Listener extends Door {
  /** Where it listens, as it is typed. */
  readonly address: string;
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
 * @param owner told when somebody has removed the socket
 * @throws XsError `store_in_use`
 */
export function listen(directory: string, answer: Api, owner?: SocketOwner): Promise<Listener> {
  return listenUnix(join(directory, "sock"), answer, owner);
}

/**
 * Answers at another address as well. A unix socket is for its owner alone, like that of the store;
 * over TCP it takes the token of the store.
 *
 * @param opened requests are let in when this resolves
 * @throws XsError `store_in_use`, `address_in_use`, `cannot_listen`
 */
export async function expose(
  directory: string,
  at: ListenAddress,
  answer: Api,
  { opened, owner }: { readonly opened: Promise<void>; readonly owner?: SocketOwner },
): Promise<Listener> {
  const whenOpened: Api = async (request) => {
    await opened;
    return answer(request);
  };
  if ("path" in at) return listenUnix(at.path, whenOpened, owner);
  await checkHost(at);
  const token = tokenOf(directory);
  const admitted = withTrueHeads(whenOpened);
  let hosts: ReadonlySet<string>;
  let server: ReturnType<typeof Bun.serve>;
  try {
    server = Bun.serve({
      hostname: at.hostname,
      port: at.port,
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      idleTimeout: STRANGER_S,
      fetch(request) {
        try {
          checkVisitor(request, token, hosts);
        } catch (error) {
          return problemResponse(error);
        }
        // A following read may be silent for ever.
        server.timeout(request, 0);
        return admitted(request);
      },
      error: (error) => problemResponse(error),
    });
  } catch (error) {
    throw listenError(at, error);
  }
  const bound = { hostname: at.hostname, port: server.port ?? at.port };
  hosts = hostsOf(bound);
  return {
    address: formatListenAddress(bound),
    closeIdle: () => void server.closeIdleConnections(),
    stop: (ms) => stop(server, ms),
  };
}

async function listenUnix(path: string, answer: Api, owner?: SocketOwner): Promise<Listener> {
  const serve = (unix: string) =>
    Bun.serve({
      unix,
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: withTrueHeads(answer),
      error: (error) => problemResponse(error),
      // A following read may be silent for ever. The types leave this out for a unix socket.
      ...({ idleTimeout: 0 } as object),
    });
  const socket = await KeptSocket.listen(path, serve, owner);
  return { address: path, closeIdle: () => socket.closeIdle(), stop: (ms) => socket.stop(ms) };
}

async function stop(server: ReturnType<typeof Bun.serve>, ms: number): Promise<void> {
  const late = setTimeout(() => void server.stop(true), ms);
  await server.stop();
  clearTimeout(late);
}
