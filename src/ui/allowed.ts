import { Router } from "../api/route.ts";
import { GONE, ROUTES } from "../api/routes.ts";
import { quoted, XsError } from "../core/error.ts";
import { concernsRuntime } from "../core/topic.ts";

const ROUTER = new Router(ROUTES, GONE);

/** The routes of the API that the page reads. What is not here, as a route to come, is refused. */
const READS: ReadonlySet<string> = new Set([
  "/",
  "/stream/:topic",
  "/first",
  "/first/:topic",
  "/last",
  "/last/:topic",
  "/:id",
  "/:id/next",
  "/:id/previous",
  "/:id/content",
  "/:id/causes",
  "/:id/effects",
  "/cas/:hash+",
  "/kv",
  "/kv/:key+",
  "/ps",
  "/version",
  "/health",
  "/-/topics",
  "/-/search",
  "/-/histogram",
  "/-/info",
  "/-/scheduled",
  "/-/keep",
]);

/** Those that change the store, for a page that may write. */
const WRITES: ReadonlySet<string> = new Set([
  "POST /stream/:topic",
  "PUT /kv/:key+",
  "DELETE /kv/:key+",
  "DELETE /:id",
]);

/**
 * Checks what the page asks of the API: it reads, and with `writes` it appends, puts and deletes. It never brings new
 * code, whatever it may do.
 *
 * @param pathname of the URL, as the API takes it apart
 * @throws XsError `forbidden`; `unknown_path` where the API has nothing
 */
export function checkAllowed(method: string, pathname: string, writes: boolean): void {
  const isRead = method === "GET" || method === "HEAD";
  if (!isRead && !writes) {
    throw new XsError(
      "forbidden",
      "the inspector only reads: start it with  xs ui --write  to change the store",
    );
  }
  const found = ROUTER.find(method, pathname);
  const path = found?.route.path ?? "";
  if (found && isRead && READS.has(path)) return;
  if (found && !isRead && WRITES.has(`${method} ${path}`)) {
    if (path !== "/stream/:topic" || !concernsRuntime(found.name)) return;
    throw new XsError(
      "forbidden",
      "the inspector appends nothing that may start code: use  xs append  in a terminal",
    );
  }
  throw new XsError("forbidden", `the inspector does not use ${method} ${quoted(pathname)}`);
}
