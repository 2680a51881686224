import { type ErrorCode, quoted, XsError } from "../core/error.ts";
import { isHost } from "../core/host.ts";
import type { Store } from "../store/store.ts";
import { named } from "./answer-headers.ts";
import type { Api, ApiContext } from "./call.ts";
import { problemResponse } from "./errors.ts";
import { REACHED_HEADER, recorded, whenReached } from "./records.ts";
import { Rooms } from "./room.ts";
import { Router } from "./route.ts";
import { GONE, ROUTES } from "./routes.ts";

const ROUTER = new Router(ROUTES, GONE);

/** Makes the function that answers all requests to a store, from a socket or from this process. */
export function api(store: Store, context: ApiContext = {}): Api {
  const errors = new Map<ErrorCode, number>();
  const count = (code: ErrorCode) => void errors.set(code, (errors.get(code) ?? 0) + 1);
  const rooms = new Rooms();
  const { records } = context;
  return async (request, access) => {
    // A read has at least what was there before it; a write is there after it.
    const isRead = request.method === "GET" || request.method === "HEAD";
    let before: number | undefined;
    try {
      const url = urlOf(request);
      const reached = request.headers.get(REACHED_HEADER);
      if (reached !== null) await whenReached(records, reached);
      if (isRead) before = records?.record;
      // Loaded only where a token comes: commands that open the store start faster without it.
      const seen = access ? (await import("./restricted.ts")).restricted(store, access) : store;
      const call = { store: seen, access, request, url, errors, context, rooms };
      return recorded(named(await ROUTER.answer(call)), before ?? records?.record);
    } catch (error) {
      return recorded(problemResponse(error, count), before ?? records?.record);
    }
  };
}

/** The URL of a request. Only HTTP/1.0 may omit `Host`. @throws XsError `bad_host`, `bad_request` */
function urlOf({ method, headers, url }: Request): URL {
  const host = headers.get("host");
  if (host?.includes(",")) {
    throw new XsError("bad_host", "the request has more than one Host header: send one");
  }
  if (host !== null && !isHost(host)) {
    throw new XsError("bad_host", `the Host ${quoted(host)} is no name of a host: send another`);
  }
  const whole = host === null && url.startsWith("/") ? `http://localhost${url}` : url;
  // The target of CONNECT may be any text.
  const parsed = whole.startsWith("http") ? URL.parse(whole) : null;
  if (parsed) return parsed;
  throw new XsError("bad_request", `${method} ${quoted(url)} is not for a path on this server`);
}
