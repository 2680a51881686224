import { type ErrorCode, shown, XsError } from "../frame/error.ts";
import { isHost } from "../frame/host.ts";
import { parseKey } from "../frame/key.ts";
import type { Store } from "../store/store.ts";
import { append } from "./append.ts";
import { appendBatch } from "./batch.ts";
import { cas } from "./cas.ts";
import { problemResponse, Refusal } from "./errors.ts";
import { exportStore } from "./export.ts";
import { getContent, getFrame, getNeighbour, removeFrame } from "./frame.ts";
import { gc } from "./gc.ts";
import { importAll } from "./import.ts";
import { kv } from "./kv.ts";
import { metrics } from "./metrics.ts";
import { ps } from "./ps.ts";
import { readEnd, readStream } from "./read.ts";
import { healthResponse, versionResponse } from "./status.ts";
import { verify } from "./verify.ts";

/** Answers one request to a store. Never rejects: a failure is a problem document. */
export type Api = (request: Request) => Promise<Response>;

/** What a resource is given to answer a request. */
export interface Call {
  readonly store: Store;
  readonly request: Request;
  readonly url: URL;
  /** How often each error was answered so far. */
  readonly errors: ReadonlyMap<ErrorCode, number>;
  readonly around: Around;
}

/** What there is around a store that the API tells of. */
export interface Around {
  /** The rows of `xs ps`: what runs on the stream. */
  processors?(): readonly object[] | Promise<readonly object[]>;
  /** Told of answers that broke off after they had begun. */
  brokeOff?(error: XsError): void;
}

type Handler = (call: Call) => Response | Promise<Response>;
/** The methods of a path; HEAD comes with GET. */
type Methods = Partial<Record<"GET" | "POST" | "PUT" | "DELETE", Handler>>;

/** The function that answers every question about a store, with or without a socket. */
export function api(store: Store, around: Around = {}): Api {
  const errors = new Map<ErrorCode, number>();
  const count = (code: ErrorCode) => void errors.set(code, (errors.get(code) ?? 0) + 1);
  return async (request) => {
    try {
      return await answer({ store, request, errors, around });
    } catch (error) {
      return problemResponse(error, count);
    }
  };
}

async function answer(call: Omit<Call, "url">): Promise<Response> {
  const { request } = call;
  const url = urlOf(request);
  const segments = url.pathname.slice(1).split("/").map(decode);
  const methods = route(segments, url);
  if (!methods) {
    throw new XsError("unknown_path", `there is nothing at ${url.pathname}; see docs/protocol.md`);
  }
  const { method } = request;
  const handler = methods[(method === "HEAD" ? "GET" : method) as keyof Methods];
  if (!handler) {
    const allowed = Object.keys(methods).flatMap((name) =>
      name === "GET" ? [name, "HEAD"] : name,
    );
    throw new Refusal(
      new XsError(
        "method_not_allowed",
        `${method} is not for ${url.pathname}; there is ${allowed.join(", ")}`,
      ),
      { allow: allowed.join(", ") },
    );
  }
  const response = await handler({ ...call, url });
  if (method !== "HEAD") return response;
  await response.body?.cancel();
  return new Response(null, { status: response.status, headers: response.headers });
}

/** What is asked for. Only HTTP/1.0 leaves the host out. @throws XsError `bad_host` */
function urlOf({ headers, url }: Request): URL {
  const host = headers.get("host");
  if (host?.includes(",")) {
    throw new XsError("bad_host", "the request has more than one Host header: send one");
  }
  if (host !== null && !isHost(host)) {
    throw new XsError("bad_host", `the Host ${shown(host)} is no name of a host: send another`);
  }
  return new URL(host === null && url.startsWith("/") ? `http://localhost${url}` : url);
}

function route(segments: string[], url: URL): Methods | undefined {
  const [first = "", second, ...rest] = segments;
  // A hash and a key may hold "/", which needs no escape there.
  if (rest.length > 0 && first !== "cas" && first !== "kv") return undefined;
  switch (first) {
    case "":
      return second === undefined ? { GET: readStream() } : undefined;
    case "stream":
      return second === undefined
        ? { POST: appendBatch }
        : { GET: readStream(second), POST: append(second) };
    case "append":
      return second === undefined ? undefined : { POST: append(second) };
    case "first":
    case "last":
      return { GET: readEnd(first, second) };
    case "cas":
      return second === undefined
        ? { POST: cas.post }
        : { GET: cas.get(segments.slice(1).join("/")) };
    case "kv":
      return second === undefined ? { GET: kv.list } : kvMethods(url);
    case "import":
      return second === undefined ? { POST: importAll } : undefined;
    case "metrics":
      return second === undefined ? { GET: metrics } : undefined;
    case "verify":
      return second === undefined ? { GET: verify } : undefined;
    case "gc":
      return second === undefined ? { POST: gc } : undefined;
    case "export":
      return second === undefined ? { GET: exportStore } : undefined;
    case "ps":
      return second === undefined ? { GET: ps } : undefined;
    case "version":
      return second === undefined ? { GET: versionResponse } : undefined;
    case "health":
      return second === undefined ? { GET: healthResponse } : undefined;
  }
  switch (second) {
    case undefined:
      return { GET: getFrame(first), DELETE: removeFrame(first), POST: append(first) };
    case "next":
    case "previous":
      return { GET: getNeighbour(first, second) };
    case "content":
      return { GET: getContent(first) };
  }
  return undefined;
}

function kvMethods(url: URL): Methods {
  const key = parseKey(decode(url.pathname.slice("/kv/".length)));
  return { GET: kv.get(key), PUT: kv.put(key), POST: kv.put(key), DELETE: kv.delete(key) };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new XsError("bad_request", "the path has a broken percent-encoding");
  }
}
