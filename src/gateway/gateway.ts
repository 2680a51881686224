import { rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { XsError } from "../core/error.ts";
import { HTTP_REQUEST } from "../core/http.ts";
import { formatListenAddress, type ListenAddress } from "../net/listen-address.ts";
import { bindPrivately } from "../net/private-socket.ts";
import { checkHost, listenError } from "../net/unix-socket.ts";
import { Answers } from "./answers.ts";
import { Arrivals } from "./arrivals.ts";
import { Exchange, type GatewayParts } from "./exchange.ts";
import { RecentContent } from "./recent-content.ts";
import { noHandler, refuse } from "./refusal.ts";
import { requestMeta } from "./request-meta.ts";

/**
 * A client may take so long for the head of its request, in ms. Beyond about 12 s the HTTP layer closes
 * such a connection without a word, whatever is set here.
 */
const HEAD_MS = 10_000;
/** How often that is looked at. */
const HEAD_CHECK_MS = 1000;

/** What a gateway is given. */
export type GatewayHost = Pick<GatewayParts, "store" | "handlers" | "limits">;

/** Turns requests from outside into frames, and frames into their answers. */
export class Gateway {
  /** Where it listens, as it is typed. */
  readonly address: string;
  readonly #parts: GatewayParts;
  readonly #server: Server;
  #inFlight = 0;

  private constructor(host: GatewayHost, server: Server, address: string) {
    const { store, limits } = host;
    this.#parts = {
      ...host,
      answers: new Answers(store),
      contents: new RecentContent(store),
      arrivals: new Arrivals(limits.bodyMax),
    };
    this.#server = server;
    this.address = address;
  }

  /**
   * Listens at an address.
   *
   * @param opened requests are let in when this resolves
   * @throws XsError `address_in_use`, `cannot_listen`, `store_in_use`
   */
  static async listen(
    host: GatewayHost,
    at: ListenAddress,
    opened: Promise<void>,
  ): Promise<Gateway> {
    // Of all HTTP servers at hand, this one gives requests as they were sent: the version, the
    // target to the letter, and every header.
    const server = createServer({
      requestTimeout: 0,
      headersTimeout: HEAD_MS,
      connectionsCheckingInterval: HEAD_CHECK_MS,
    });
    const bound = await bind(server, at);
    const gateway = new Gateway(host, server, formatListenAddress(bound));
    const serve = async (request: IncomingMessage, response: ServerResponse) => {
      // Told to the response as well; without a listener it would end the process.
      request.on("error", () => {});
      await opened;
      await gateway.#serve(request, response);
    };
    server.on("request", (request, response) => void serve(request, response));
    server.on("checkContinue", (request, response) => void serve(request, response));
    return gateway;
  }

  closeIdle(): void {
    this.#server.closeIdleConnections();
  }

  /** Takes no more requests. Those under way have `ms` to end, then their connections are closed. */
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
    const place = this.#place();
    try {
      place.take();
      meta = requestMeta(request);
      // A handler that starts, or starts again, follows in a moment.
      const { store, handlers } = this.#parts;
      if (!store.isFollowed(HTTP_REQUEST) && !(await handlers.takes(HTTP_REQUEST))) {
        throw noHandler(handlers);
      }
    } catch (error) {
      return refuse(request, response, error);
    } finally {
      // A body may be long in coming.
      place.give();
    }
    const exchange = new Exchange(this.#parts, { request, response, admit: place.take });
    try {
      await exchange.run(meta);
    } finally {
      place.give();
    }
  }

  /** A place among the requests under way, to be taken and given back. */
  #place(): { take(): void; give(): void } {
    let isTaken = false;
    const take = () => {
      const most = this.#parts.limits.inFlight;
      if (this.#inFlight >= most) {
        const problem = `${most} requests are under way: try again later`;
        throw new XsError("too_many_requests", problem);
      }
      this.#inFlight++;
      isTaken = true;
    };
    const give = () => {
      if (isTaken) this.#inFlight--;
      isTaken = false;
    };
    return { take, give };
  }
}

/** Listens, and gives the address with its real port. */
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

/** Begins to listen, and waits until that has worked or failed. */
function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", resolve);
    listen();
  });
}
