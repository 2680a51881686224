import { type ErrorCode, quoted, XsError } from "../core/error.ts";
import type { Call } from "./call.ts";
import type { BodyName } from "./description/bodies.ts";
import type { RequestHeaderName } from "./description/headers.ts";
import type { ResponseName } from "./description/responses.ts";
import type { ValueType } from "./description/values.ts";
import { checkNeed, type Need } from "./needs.ts";
import type { Option, Options, Values } from "./options.ts";

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** The responses of a route that are no errors, by status. */
export type Responses = Readonly<Partial<Record<202 | 206 | 304, ResponseName>>> &
  ({ readonly 200: ResponseName } | { readonly 204: ResponseName });

/**
 * A row of the table of routes: everything about one operation of the API. The router, `Allow`, the description of the
 * API (OpenAPI) and the check of docs/protocol.md are derived from it.
 */
export interface Route<O extends Options = Options> {
  /** A route for GET also answers HEAD. */
  readonly method: Method;
  /** `:name` stands for one segment of the path, `:name+` for the rest of the path. */
  readonly path: string;
  readonly options: O;
  /** What the name in the path may be; undefined for a path without one. */
  readonly name?: ValueType;
  /** The headers of the request that it reads. */
  readonly headers: readonly RequestHeaderName[];
  /** What the body of the request may be; undefined for a method without one. */
  readonly body?: BodyName | "none";
  readonly responses: Responses;
  /** The errors of this route, beside those of every route: a wrong option, a closed store, a full disk. */
  readonly errors: readonly ErrorCode[];
  /** Describes the operation in one line. */
  readonly about: string;
  /** What the operation needs of a token. */
  readonly need: Need;
  /**
   * Throws if the name in the path can never succeed. `Allow` then omits the method. The router still calls
   * the route, because its error says more.
   */
  readonly check?: (name: string) => unknown;
  /** Returns false if another route owns the name. */
  readonly applies?: (name: string) => boolean;
  answer(call: Call, options: Values<O>, name: string): Response | Promise<Response>;
}

/** What a row has to say of a route, and what it may. */
type Row<M extends Method, P extends string, O extends Options> = Pick<
  Route<O>,
  "need" | "responses"
> &
  Partial<Pick<Route<O>, "options" | "headers" | "errors" | "check" | "applies">> &
  (P extends `${string}:${string}` ? { readonly name: ValueType } : { readonly name?: never }) &
  (M extends "POST" | "PUT" ? { readonly body: BodyName | "none" } : { readonly body?: never });

/**
 * Makes a route; TypeScript checks the types of its options against `answer`, and that the row says what the name in the
 * path and the body may be, where there are such.
 */
export function route<
  const M extends Method,
  const P extends string,
  const O extends Options = typeof NONE,
>(
  method: M,
  path: P,
  about: string,
  answer: Route<NoInfer<O>>["answer"],
  more: Row<M, P, O>,
): Route {
  const none = { options: NONE, errors: [] };
  const headers = [...(more.headers ?? []), "xs-reached"];
  return { method, path, about, answer, ...none, ...more, headers } as unknown as Route;
}

const NONE = {};

/** The routes with one form of path, by method. */
interface Resource {
  readonly routes: ReadonlyMap<string, Route>;
  /** The number of segments before `:name+`; undefined for a path without it. */
  readonly rest: number | undefined;
}

/** Finds the route of a request with a few look-ups. */
export class Router {
  /** By the form of the path: `stream/:`, `:/content`, `kv/+`. */
  readonly #resources = new Map<string, Resource>();
  /** The fixed first segments: no topic or id in the path can be one of them. */
  readonly #firsts: ReadonlySet<string>;

  readonly #gone: Readonly<Record<string, string>>;

  /** @param gone paths that xs does not have, each with a replacement */
  constructor(routes: readonly Route[], gone: Readonly<Record<string, string>>) {
    this.#gone = gone;
    for (const [form, rows] of Map.groupBy(routes, ({ path }) => formOf(path))) {
      const rest = form.endsWith("+") ? segmentsOf(form).length - 1 : undefined;
      this.#resources.set(form, { routes: new Map(rows.map((row) => [row.method, row])), rest });
    }
    this.#firsts = new Set([...this.#resources.keys()].map((form) => segmentsOf(form)[0] ?? ""));
  }

  /** Answers a request by its route. @throws XsError `unknown_path`, `method_not_allowed` with `Allow` */
  answer(call: Call): Response | Promise<Response> {
    const { request, url } = call;
    if (Object.hasOwn(this.#gone, url.pathname)) {
      throw new XsError("unknown_path", this.#gone[url.pathname] ?? "");
    }
    const found = this.#find(url.pathname);
    if (!found) {
      throw new XsError(
        "unknown_path",
        `there is nothing at ${url.pathname}; see docs/protocol.md`,
      );
    }
    const { resource, name } = found;
    const { method } = request;
    const route = resource.routes.get(method === "HEAD" ? "GET" : method);
    if (!route || route.applies?.(name) === false) throw notAllowed(resource, call, name);
    if (call.access) checkNeed(route.need, call.access, name, `${method} ${url.pathname}`);
    const answer = route.answer(call, parseOptions(url, route.options), name);
    return method === "HEAD" ? withoutBody(answer) : answer;
  }

  /**
   * Finds the route for a method and the path of a URL, and the name in the path; undefined where there is none.
   *
   * @throws XsError for a percent-encoding that is broken
   */
  find(method: string, pathname: string): { route: Route; name: string } | undefined {
    const { resource, name } = this.#find(pathname) ?? { name: "" };
    const route = resource?.routes.get(method === "HEAD" ? "GET" : method);
    return route && route.applies?.(name) !== false ? { route, name } : undefined;
  }

  #find(pathname: string): { resource: Resource; name: string } | undefined {
    const segments = segmentsOf(pathname.slice(1)).map(decode);
    const [first = "", second, third, fourth] = segments;
    if (!this.#firsts.has(first)) {
      if (third !== undefined || first.startsWith(BELOW)) return undefined;
      const resource = this.#resources.get(second === undefined ? ":" : `:/${second}`);
      return resource && { resource, name: first };
    }
    if (first === "-") {
      const form = `-/${second}${third === undefined ? "" : "/:"}`;
      const resource = fourth === undefined ? this.#resources.get(form) : undefined;
      return resource && { resource, name: third ?? "" };
    }
    if (second === undefined) {
      const resource = this.#resources.get(first);
      return resource && { resource, name: "" };
    }
    const rest = this.#resources.get(`${first}/+`);
    if (rest) return { resource: rest, name: segments.slice(rest.rest).join("/") };
    const resource = third === undefined ? this.#resources.get(`${first}/:`) : undefined;
    return resource && { resource, name: second };
  }
}

/** What no topic can be: new routes have a second fixed segment after it. */
const BELOW = "-/";

/** The segments of a path, or of its form. The first two of one below `/-/` are one. */
function segmentsOf(path: string): string[] {
  const segments = path.split("/");
  return path.startsWith(BELOW) ? [segments.slice(0, 2).join("/"), ...segments.slice(2)] : segments;
}

/** The form of a path: `:name` becomes `:`, and `:name+` becomes `+`. */
function formOf(path: string): string {
  return path
    .slice(1)
    .split("/")
    .map((part) => (part.startsWith(":") ? (part.endsWith("+") ? "+" : ":") : part))
    .join("/");
}

async function withoutBody(answer: Response | Promise<Response>): Promise<Response> {
  const { body, status, headers } = await answer;
  await body?.cancel();
  return new Response(null, { status, headers });
}

function notAllowed(resource: Resource, { request, url }: Call, name: string): XsError {
  const allow = allowed(resource, name).join(", ");
  const problem = `${request.method} is not for ${url.pathname}; there is ${allow}`;
  return new XsError("method_not_allowed", problem, { headers: { allow } });
}

/** The methods that can succeed for a name. @throws XsError the error of the first check, if all fail */
function allowed({ routes }: Resource, name: string): string[] {
  const names: string[] = [];
  let reason: unknown;
  for (const { method, applies, check } of routes.values()) {
    if (applies?.(name) === false) continue;
    try {
      check?.(name);
      names.push(...(method === "GET" ? [method, "HEAD"] : [method]));
    } catch (error) {
      reason ??= error;
    }
  }
  if (names.length === 0) throw reason;
  return names;
}

/** Parses the options of a query; only list options may repeat. @throws XsError `bad_option` */
function parseOptions<O extends Options>(url: URL, options: O): Values<O> {
  const values: Record<string, unknown> = {};
  for (const name in options) values[name] = (options[name] as Option<unknown>).absent;
  if (url.search === "") return values as Values<O>;
  const given = new Set<string>();
  for (const [name, text] of url.searchParams) {
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    if (!option) throw unknownOption(name, options);
    if (given.has(name) && !option.isList) {
      throw new XsError("bad_option", `the option ${quoted(name)} is given twice`);
    }
    given.add(name);
    values[name] = option.parse(text, name);
  }
  return values as Values<O>;
}

function unknownOption(name: string, options: Options): XsError {
  const known = Object.keys(options).join(", ");
  const there = known === "" ? "there is none" : `there is ${known}`;
  return new XsError("bad_option", `no option ${quoted(name)} here: ${there}`);
}

function decode(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new XsError("bad_request", "the path has a broken percent-encoding");
  }
}
