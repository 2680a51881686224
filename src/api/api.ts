import { type ErrorCode, quoted, XsError } from "../core/error.ts";
import { parseHash } from "../core/hash.ts";
import { isHost } from "../core/host.ts";
import { parseId } from "../core/id.ts";
import { parseClientKey, parseKey } from "../core/key.ts";
import { parseClientTopic, parseTopicFilter } from "../core/topic.ts";
import type { Store } from "../store/store.ts";
import { append } from "./append.ts";
import { appendBatch } from "./batch.ts";
import type { Api, ApiContext, Call } from "./call.ts";
import { cas } from "./cas.ts";
import { readEnd, readStream } from "./cat.ts";
import { problemResponse } from "./errors.ts";
import { exportStore } from "./export.ts";
import { gc } from "./gc.ts";
import { getContent, getFrame, getNeighbour, removeFrame } from "./get.ts";
import { importAll } from "./import.ts";
import { kv } from "./kv.ts";
import { metrics } from "./metrics.ts";
import { named } from "./named.ts";
import { ps } from "./ps.ts";
import { answerOf, type Resource } from "./resource.ts";
import { Rooms } from "./room.ts";
import { verify } from "./verify.ts";
import { healthResponse, versionResponse } from "./version.ts";

/** The function that answers every question about a store, with or without a socket. */
export function api(store: Store, context: ApiContext = {}): Api {
  const errors = new Map<ErrorCode, number>();
  const count = (code: ErrorCode) => void errors.set(code, (errors.get(code) ?? 0) + 1);
  const rooms = new Rooms();
  return async (request) => {
    try {
      return named(await answer({ store, request, errors, context, rooms }));
    } catch (error) {
      return problemResponse(error, count);
    }
  };
}

function answer(call: Omit<Call, "url">): Response | Promise<Response> {
  const { request } = call;
  const url = urlOf(request);
  const segments = url.pathname.slice(1).split("/").map(decode);
  const resource = route(segments, url);
  if (!resource) {
    throw new XsError("unknown_path", `there is nothing at ${url.pathname}; see docs/protocol.md`);
  }
  return answerOf(resource, { ...call, url });
}

/** What is asked for. Only HTTP/1.0 leaves the host out. @throws XsError `bad_host`, `bad_request` */
function urlOf({ method, headers, url }: Request): URL {
  const host = headers.get("host");
  if (host?.includes(",")) {
    throw new XsError("bad_host", "the request has more than one Host header: send one");
  }
  if (host !== null && !isHost(host)) {
    throw new XsError("bad_host", `the Host ${quoted(host)} is no name of a host: send another`);
  }
  const whole = host === null && url.startsWith("/") ? `http://localhost${url}` : url;
  // CONNECT may ask for anything.
  const parsed = whole.startsWith("http") ? URL.parse(whole) : null;
  if (parsed) return parsed;
  throw new XsError("bad_request", `${method} ${quoted(url)} is not for a path on this server`);
}

function route(segments: string[], url: URL): Resource | undefined {
  const [first = "", second, ...rest] = segments;
  // A hash and a key may hold "/", which needs no escape there.
  if (rest.length > 0 && first !== "cas" && first !== "kv") return undefined;
  switch (first) {
    case "":
      return second === undefined ? { methods: { GET: readStream() } } : undefined;
    case "stream":
      return second === undefined ? { methods: { POST: appendBatch } } : topicResource(second);
    case "append":
      return second === undefined ? undefined : appendResource(second);
    case "first":
    case "last":
      return {
        methods: { GET: readEnd(first, second) },
        needs: { GET: () => second !== undefined && parseTopicFilter(second) },
      };
    case "cas":
      return second === undefined
        ? { methods: { POST: cas.post } }
        : contentResource(segments.slice(1).join("/"));
    case "kv":
      return second === undefined ? { methods: { GET: kv.list } } : pairResource(url);
    case "eval":
      // The original's: whoever posts a script there must not find it on the stream as an event.
      if (second !== undefined) return undefined;
      throw new XsError(
        "unknown_path",
        "scripts run where the command is: use  xs eval; the topic eval is written and read at /stream/eval",
      );
  }
  const single = Object.hasOwn(SINGLE, first) ? SINGLE[first] : undefined;
  if (single) return second === undefined ? single : undefined;
  const needs = { GET: () => parseId(first) };
  switch (second) {
    case undefined:
      return frameResource(first);
    case "next":
    case "previous":
      return { methods: { GET: getNeighbour(first, second) }, needs };
    case "content":
      return { methods: { GET: getContent(first) }, needs };
  }
  return undefined;
}

/** What has one path. */
const SINGLE: Readonly<Record<string, Resource>> = {
  import: { methods: { POST: importAll } },
  metrics: { methods: { GET: metrics } },
  verify: { methods: { GET: verify } },
  gc: { methods: { POST: gc } },
  export: { methods: { GET: exportStore } },
  ps: { methods: { GET: ps } },
  version: { methods: { GET: versionResponse } },
  health: { methods: { GET: healthResponse } },
};

function topicResource(topic: string): Resource {
  return {
    methods: { GET: readStream(topic), POST: append(topic) },
    needs: { GET: () => parseTopicFilter(topic), POST: () => parseClientTopic(topic) },
  };
}

function appendResource(topic: string): Resource {
  return { methods: { POST: append(topic) }, needs: { POST: () => parseClientTopic(topic) } };
}

/** A frame by its id, or a topic: there are names that are both. */
function frameResource(name: string): Resource {
  const methods = { GET: getFrame(name), DELETE: removeFrame(name) };
  const isFrame = () => parseId(name);
  const needs = { GET: isFrame, DELETE: isFrame };
  // No topic begins with a digit, as the ids of a long time to come do.
  if (/^[0-9][0-9a-z]{24}$/i.test(name)) return { methods, needs };
  return {
    methods: { ...methods, POST: append(name) },
    needs: { ...needs, POST: () => parseClientTopic(name) },
  };
}

function contentResource(hash: string): Resource {
  return { methods: { GET: cas.get(hash) }, needs: { GET: () => parseHash(hash) } };
}

function pairResource(url: URL): Resource {
  const key = parseKey(decode(url.pathname.slice("/kv/".length)));
  const isClients = () => parseClientKey(key);
  return {
    methods: { GET: kv.get(key), PUT: kv.put(key), POST: kv.put(key), DELETE: kv.delete(key) },
    needs: { PUT: isClients, POST: isClients, DELETE: isClients },
  };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new XsError("bad_request", "the path has a broken percent-encoding");
  }
}
