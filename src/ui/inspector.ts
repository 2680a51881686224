import { problemResponse } from "../api/errors.ts";
import { quoted, XsError } from "../core/error.ts";
import { formatListenAddress, type TcpAddress } from "../net/listen-address.ts";
import { checkHost, listenError } from "../net/listen-error.ts";
import { checkAllowed } from "./allowed.ts";
import { type Asset, loadAssets } from "./assets.ts";
import { Keys } from "./keys.ts";
import { PAGE_HEADERS } from "./page-policy.ts";
import { checkVisit } from "./visit.ts";

/** The API of the store, as the page finds it below this. */
const API = "/api";

/** What the inspector shows, and what it may do. */
export interface InspectorOptions {
  /** Answers a request to the API of the store: its path, and what `fetch` takes. */
  readonly ask: (path: string, init: RequestInit) => Promise<Response>;
  /** The page may change the store. */
  readonly writes: boolean;
  /** The address of the store, for the page's title. */
  readonly name: string;
}

/** The page on which a person sees a store, served on a loopback address. */
export class Inspector {
  /** The address in the form that users type. */
  readonly address: string;
  readonly #options: InspectorOptions;
  readonly #assets: ReadonlyMap<string, Asset>;
  readonly #server: ReturnType<typeof Bun.serve>;
  readonly #keys = new Keys();
  readonly #hosts: ReadonlySet<string>;

  private constructor(
    options: InspectorOptions,
    assets: ReadonlyMap<string, Asset>,
    at: TcpAddress,
  ) {
    this.#options = options;
    this.#assets = assets;
    this.#server = Bun.serve({
      hostname: at.hostname,
      port: at.port,
      // A following read may stay silent for long.
      idleTimeout: 0,
      fetch: (request) => this.#answer(request),
      error: (error) => problemResponse(error),
    });
    const port = this.#server.port ?? at.port;
    this.address = formatListenAddress({ ...at, port });
    this.#hosts = new Set([this.address, `localhost:${port}`]);
  }

  /** Listens. @throws XsError `address_in_use`, `cannot_listen`; `bad_option` for an address that others reach */
  static async listen(at: TcpAddress, options: InspectorOptions): Promise<Inspector> {
    checkLoopback(at);
    await checkHost(at);
    const assets = await loadAssets();
    try {
      return new Inspector(options, assets, at);
    } catch (error) {
      throw listenError(at, error);
    }
  }

  /** Makes a link that works once. Its key is behind the `#`, which a browser sends to nobody. */
  link(): string {
    return `http://${this.address}/#key=${this.#keys.link()}`;
  }

  /** Accepts no more requests, and ends those under way. */
  async stop(): Promise<void> {
    await this.#server.stop(true);
  }

  async #answer(request: Request): Promise<Response> {
    try {
      const { pathname, search } = new URL(request.url);
      const asset = this.#assets.get(pathname);
      checkVisit(request, this.#hosts, asset !== undefined);
      if (asset) return pageFile(asset, request);
      if (pathname === "/key") return await this.#redeem(request);
      this.#checkKey(request);
      if (pathname === "/about") return Response.json(this.#about(), { headers: PAGE_HEADERS });
      if (!pathname.startsWith(`${API}/`)) {
        throw new XsError("unknown_path", `the inspector has nothing at ${pathname}`);
      }
      return await this.#ask(request, pathname.slice(API.length), search);
    } catch (error) {
      return problemResponse(error);
    }
  }

  /** Changes the key of a link for that of a session. */
  async #redeem(request: Request): Promise<Response> {
    if (request.method !== "POST") {
      throw new XsError("method_not_allowed", "POST the key of a link", {
        headers: { allow: "POST" },
      });
    }
    const key = this.#keys.redeem(await request.text());
    if (key === undefined) {
      throw new XsError(
        "unauthorized",
        "this link was used, or is too old: a link works once; press Enter where  xs ui  runs for a new one",
      );
    }
    return Response.json({ key }, { headers: PAGE_HEADERS });
  }

  #checkKey({ headers }: Request): void {
    const [, key = ""] = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "") ?? [];
    if (this.#keys.admits(key)) return;
    throw new XsError("unauthorized", "the inspector needs a key: open a link that  xs ui  prints");
  }

  #about() {
    const { name, writes } = this.#options;
    return { name, writes };
  }

  async #ask(request: Request, path: string, search: string): Promise<Response> {
    checkAllowed(request.method, decoded(path), this.#options.writes);
    const headers = new Headers(request.headers);
    // They are between the browser and the inspector.
    for (const name of ["authorization", "host", "origin", "connection", "cookie"]) {
      headers.delete(name);
    }
    const { method, body, signal } = request;
    // The answer of the API goes to the page, not to the browser's cache.
    if (method === "GET") headers.delete("if-none-match");
    return this.#options.ask(`${path}${search}`, { method, headers, body, signal });
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new XsError("bad_request", "the path has a broken percent-encoding");
  }
}

function pageFile({ bytes, type }: Asset, { method }: Request): Response {
  const headers = { ...PAGE_HEADERS, "content-type": type };
  if (method === "GET" || method === "HEAD") return new Response(bytes, { headers });
  throw new XsError("method_not_allowed", "the page is read with GET", {
    headers: { allow: "GET, HEAD" },
  });
}

/** @throws XsError `bad_option` */
function checkLoopback({ hostname }: TcpAddress): void {
  if (/^127\.|^localhost$|^::1$/.test(hostname)) return;
  throw new XsError(
    "bad_option",
    `the inspector listens on this machine alone, not at ${quoted(hostname)}: give :PORT, and reach it from elsewhere with  ssh -L PORT:127.0.0.1:PORT HOST`,
  );
}
