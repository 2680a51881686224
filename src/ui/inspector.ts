import { problemResponse } from "../api/errors.ts";
import type { Listener } from "../api/listen.ts";
import { Room } from "../api/room.ts";
import { quoted, XsError } from "../core/error.ts";
import { formatListenAddress, type ListenAddress, type TcpAddress } from "../net/listen-address.ts";
import { checkHost, listenError } from "../net/listen-error.ts";
import { bearerIn } from "../net/token.ts";
import { type Asset, loadAssets } from "./assets.ts";
import type { Backend } from "./backend.ts";
import { checkMethod } from "./check-method.ts";
import { Keys, type LinkKey } from "./keys.ts";
import { loopback } from "./loopback.ts";
import { closedHeaders, PAGE_HEADERS } from "./page-policy.ts";
import { Requests } from "./requests.ts";
import { smallBody } from "./small-body.ts";
import { checkVisit, plainAddress } from "./visit.ts";

/** How long a client may be silent that has shown no key, in seconds. */
const MAX_STRANGER_SILENCE_S = 10;
/**
 * The most requests under way: each page has one that stays, and few others. Bun sends at most 256 at once, and commands
 * that this process answers need some.
 */
const MAX_REQUESTS = 128;
/** The most changes of keys under way: any local program may begin one, and be slow. */
const MAX_STRANGERS = 32;

/** A link to the page. */
export interface PageLink {
  /** Its key is behind the `#`, which a browser sends to nobody. */
  readonly url: string;
  readonly used: LinkKey["used"];
}

/**
 * The page on which a person sees a store, served on a loopback address. Beside the files of the page it has:
 *
 * - `POST /key`: changes the key of a link for that of a session, `{"key":…}`. All below takes that, as a bearer token.
 * - `GET /about`: `{"name":…,"writes":…,"nodes":…}`; `nodes` where the store is on several machines.
 * - `GET /nodes`: the nodes as rows of words, and the journal, `{"rows":…,"journal":…}`.
 * - `/api/…`: the API of the store, as far as the page may use it.
 * - `GET /state?name=NAME[&at=ID]`: the state of a handler now, or before and after a frame, as `xs handler state` prints it.
 * - `POST /do/processor` with `{"kind":…,"name":…,"action":"stop"|"start"|"restart"}`: waits until it is done and answers
 *   `{"done":…,"text":…}`; where it only reads, it refuses.
 */
export class Inspector implements Listener {
  readonly address: string;
  readonly #requests: Requests;
  readonly #assets: ReadonlyMap<string, Asset>;
  readonly #server: ReturnType<typeof Bun.serve>;
  readonly #keys: Keys;
  /** Those without a key leave room for those that have one. */
  readonly #strangers = new Room(MAX_STRANGERS, "changes of keys");

  private constructor(backend: Backend, assets: ReadonlyMap<string, Asset>, at: TcpAddress) {
    this.#keys = new Keys(backend.owner);
    this.#requests = new Requests(backend);
    this.#assets = assets;
    this.#server = Bun.serve({
      hostname: at.hostname,
      port: at.port,
      // The API has its own limits.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      idleTimeout: MAX_STRANGER_SILENCE_S,
      fetch: async (request) => {
        const response = await this.#answer(request).catch(problemResponse);
        return closedHeaders(response);
      },
      error: (error) => problemResponse(error),
    });
    this.address = formatListenAddress({ ...at, port: this.#server.port ?? at.port });
  }

  /** Listens. @throws XsError `address_in_use`, `cannot_listen`; `bad_option` for an address that others reach */
  static async listen(at: ListenAddress, backend: Backend): Promise<Inspector> {
    const place = loopback(at);
    await checkHost(place);
    const assets = await loadAssets();
    try {
      return new Inspector(backend, assets, place);
    } catch (error) {
      throw listenError(place, error);
    }
  }

  /** Makes a link that works once. */
  link(): PageLink {
    const { key, used } = this.#keys.link();
    return { url: `http://${this.address}/#key=${key}`, used };
  }

  closeIdle(): void {
    this.#server.closeIdleConnections();
  }

  /** Accepts no more requests, and ends those under way: following reads do not end by themselves. */
  async stop(): Promise<void> {
    await Promise.all([this.#server.stop(true), this.#requests.stop()]);
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, search } = urlOf(request, this.address);
    const asset = this.#assets.get(pathname);
    const plain = asset && plainAddress(request, this.address);
    if (plain !== undefined) {
      return new Response(null, { status: 307, headers: { location: plain + pathname + search } });
    }
    checkVisit(request, this.address, asset !== undefined);
    if (asset) return pageFile(asset, request);
    if (pathname === "/key") return this.#redeem(request);
    this.#checkKey(request);
    if (this.#server.pendingRequests > MAX_REQUESTS) {
      throw new XsError("too_many_requests", `${MAX_REQUESTS} requests are under way: close pages`);
    }
    // A following read may stay silent for long.
    this.#server.timeout(request, 0);
    return this.#requests.answer(request, pathname, search);
  }

  /** Changes the key of a link for that of a session. */
  async #redeem(request: Request): Promise<Response> {
    checkMethod(request, ["POST"], "POST the key of a link");
    using _room = this.#strangers.take();
    const key = this.#keys.redeem(await smallBody(request));
    if (key === undefined) {
      throw new XsError("unauthorized", this.#requests.newLink);
    }
    return Response.json({ key });
  }

  #checkKey({ headers }: Request): void {
    const key = bearerIn(headers);
    if (this.#keys.admits(key)) return;
    throw new XsError("unauthorized", "the inspector needs a key: open a link that  xs ui  prints");
  }
}

/** @throws XsError `bad_request`, `bad_host` */
function urlOf({ url, headers, method }: Request, address: string): URL {
  // Without a Host, or with one that is none, the URL is only what the request line says.
  const parsed = URL.parse(url.startsWith("/") ? `http://${address}${url}` : url);
  if (parsed) return parsed;
  if (!headers.get("host")) throw new XsError("bad_host", "the request has no Host");
  throw new XsError("bad_request", `${method} ${quoted(url)} is not for a path of the inspector`);
}

function pageFile({ bytes, type }: Asset, request: Request): Response {
  checkMethod(request, ["GET", "HEAD"], "the page is read with GET");
  return new Response(bytes, { headers: { ...PAGE_HEADERS, "content-type": type } });
}
