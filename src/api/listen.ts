import { join } from "node:path";
import type { Door } from "../net/descriptors.ts";
import { KeptSocket, type SocketOwner } from "../net/kept-socket.ts";
import { formatListenAddress, type ListenAddress } from "../net/listen-address.ts";
import { checkHost, listenError } from "../net/listen-error.ts";
import { tokenOf } from "../net/token.ts";
import { hostsOf } from "../net/visitor.ts";
import type { Tokens } from "../store/tokens.ts";
import type { Api } from "./call.ts";
import { problemResponse } from "./errors.ts";
import { answerVisitor } from "./visitors.ts";

/**
 * The longest silence of a client that has not shown the token, in seconds. Until the head of its first
 * request is complete, Bun applies another limit, of about 12.
 */
const MAX_STRANGER_SILENCE_S = 10;

/** A socket or port on which the API is served. */
export interface Listener extends Door {
  /** The address in the form that users type. */
  readonly address: string;
  /**
   * Accepts no more requests and removes the socket. Requests under way have `ms` to end, then their
   * connections are closed.
   */
  stop(ms: number): Promise<void>;
}

/**
 * Serves the API on the unix socket of a store. The caller holds the store's lock, so an existing socket
 * is stale or belongs to another program: it is removed only if no process listens on it.
 *
 * @param owner receives a message if somebody removes the socket
 * @throws XsError `store_in_use`
 */
export function listen(directory: string, answer: Api, owner?: SocketOwner): Promise<Listener> {
  return listenUnix(join(directory, "sock"), answer, owner);
}

/** What {@link expose} needs beside the API. */
interface ExposeOptions {
  /** Requests wait until this resolves. */
  readonly opened: Promise<void>;
  readonly owner?: SocketOwner;
  /** The tokens beside that of the owner. */
  readonly tokens: Tokens;
}

/**
 * Serves the API at another address as well. Only its owner may use a unix socket, like that of the store;
 * a client over TCP needs a token.
 *
 * @throws XsError `store_in_use`, `address_in_use`, `cannot_listen`
 */
export async function expose(
  directory: string,
  at: ListenAddress,
  answer: Api,
  { opened, owner, tokens }: ExposeOptions,
): Promise<Listener> {
  const whenOpened: Api = async (request, access) => {
    await opened;
    return answer(request, access);
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
      idleTimeout: MAX_STRANGER_SILENCE_S,
      fetch(request) {
        // A following read may stay silent forever.
        const isAdmitted = () => server.timeout(request, 0);
        return answerVisitor({ owner: token, tokens, hosts }, request, admitted, isAdmitted);
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
  const owned = withTrueHeads(answer);
  const serve = (unix: string) =>
    Bun.serve({
      unix,
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      // Whoever may connect is the owner.
      fetch: (request) => owned(request),
      error: (error) => problemResponse(error),
      // A following read may stay silent forever. Bun's types omit this option for a unix socket.
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

/** Wraps the API for Bun's server, see {@link makeHeadTrue}. */
function withTrueHeads(answer: Api): Api {
  return async (request, access) => {
    // To look at the body of a response costs more than the rest of a small one.
    if (request.method !== "HEAD") return answer(request, access);
    return makeHeadTrue(await answer(request, access));
  };
}

/**
 * Makes a response to HEAD right for Bun's server, which adds `content-length: 0` to one without a length: that is wrong
 * for the GET. The header `transfer-encoding: chunked` prevents that.
 */
export function makeHeadTrue(response: Response): Response {
  const { body, headers, status } = response;
  const isUnknown = body === null && status === 200 && !headers.has("content-length");
  if (isUnknown) headers.set("transfer-encoding", "chunked");
  return response;
}
