import { rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Room } from "../api/room.ts";
import { HTTP_REQUEST } from "../core/http.ts";
import { formatListenAddress, type ListenAddress } from "../net/listen-address.ts";
import { checkHost, listenError } from "../net/listen-error.ts";
import { bindPrivately } from "../net/private-socket.ts";
import { Answers } from "./answers.ts";
import { Arrivals } from "./arrivals.ts";
import { Exchange, type GatewayParts } from "./exchange.ts";
import { RecentContent } from "./recent-content.ts";
import { noHandler, refuse } from "./refusal.ts";
import { requestMeta } from "./request-meta.ts";

/**
 * The longest time for the head of a request, in ms. After about 12 s Bun closes such a connection without
 * a response, whatever is set here.
 */
const HEAD_MS = 10_000;
/** The interval of that check, in ms. */
const HEAD_CHECK_MS = 1000;

/** The store, handlers and limits that a gateway works with. */
export type GatewayHost = Pick<GatewayParts, "store" | "handlers" | "limits">;

/** Turns HTTP requests into frames, and frames into their responses. */
export class Gateway {
  /** The address in the form that users type. */
  readonly address: string;
  readonly #parts: GatewayParts;
  readonly #server: Server;
  readonly #inFlight: Room;

  private constructor(host: GatewayHost, server: Server, address: string) {
    const { store, limits } = host;
    this.#parts = {
      ...host,
      answers: new Answers(store),
      contents: new RecentContent(store),
      arrivals: new Arrivals(limits.bodyMax),
    };
    this.#inFlight = new Room(limits.inFlight, "requests");
    this.#server = server;
    this.address = address;
  }

  /**
   * Listens at an address.
   *
   * @param opened requests wait until this resolves
   * @throws XsError `address_in_use`, `cannot_listen`, `store_in_use`
   */
  static async listen(
    host: GatewayHost,
    at: ListenAddress,
    opened: Promise<void>,
  ): Promise<Gateway> {
    // node:http shows requests exactly as they were sent: the version, the unchanged target, and every
    // header. Bun.serve does not.
    const server = createServer({
      requestTimeout: 0,
      headersTimeout: HEAD_MS,
      connectionsCheckingInterval: HEAD_CHECK_MS,
    });
    const bound = await bind(server, at);
    const gateway = new Gateway(host, server, formatListenAddress(bound));
    const serve = async (request: IncomingMessage, response: ServerResponse) => {
      // The response reports the error as well; without this listener it would end the process.
      request.on("error", () => {});
      await opened;
      await gateway.#serve(request, response);
    };
    server.on("request", (request, response) => void serve(request, response));
    server.on("checkContinue", (request, response) => void serve(request, response));
    return gateway;
  }

  /** Closes the kept-alive connections that have no request under way. */
  closeIdle(): void {
    this.#server.closeIdleConnections();
  }

  /** Accepts no more requests. Requests under way have `ms` to end, then their connections are closed. */
  async stop(ms: number): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    const late = setTimeout(() => this.#server.closeAllConnections(), ms);
    await closed;
    clearTimeout(late);
    if (this.address.startsWith("/")) rmSync(this.address, { force: true });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let meta: string;
    try {
      using _ = this.#inFlight.take();
      meta = requestMeta(request);
      // A starting or restarting handler does not follow yet, but it will answer.
      const { store, handlers } = this.#parts;
      if (!store.isFollowed(HTTP_REQUEST) && !(await handlers.takes(HTTP_REQUEST))) {
        throw noHandler(handlers);
      }
    } catch (error) {
      return refuse(request, response, error);
    }
    // A body may take long to arrive, so the request holds no place meanwhile.
    using place = this.#inFlight.take(0);
    const visit = { request, response, admit: () => place.more(1) };
    await new Exchange(this.#parts, visit).run(meta);
  }
}

/** Listens, and returns the address with its real port. */
async function bind(server: Server, at: ListenAddress): Promise<ListenAddress> {
  if ("path" in at) {
    await bindPrivately(at.path, (unix) => listening(server, () => server.listen(unix)));
    return at;
  }
  await checkHost(at);
  try {
    await listening(server, () => server.listen(at.port, at.hostname));
  } catch (error) {
    throw listenError(at, error);
  }
  return { ...at, port: (server.address() as AddressInfo).port };
}

/** Begins to listen; resolves once it listens, or rejects with the error. */
function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", resolve);
    listen();
  });
}
