import { XsError } from "../core/error.ts";
import { concernsRuntime } from "../core/token.ts";

/** What reads everything, and is for `xs export` and `xs verify`. */
const TOO_MUCH = new Set(["/export", "/-/verify"]);

/**
 * Checks what the page asks of the API: it reads, and with `writes` it appends, puts and deletes. It never brings new
 * code, whatever it may do.
 *
 * @param path of the API, decoded
 * @throws XsError `forbidden`
 */
export function checkAllowed(method: string, path: string, writes: boolean): void {
  if (method === "GET" || method === "HEAD") {
    if (!TOO_MUCH.has(path)) return;
    throw new XsError("forbidden", `the inspector does not ask for ${path}: use the command`);
  }
  if (!writes) {
    throw new XsError(
      "forbidden",
      "the inspector only reads: start it with --write to change the store",
    );
  }
  if (method === "POST" && path.startsWith("/stream/")) {
    const topic = path.slice("/stream/".length);
    if (!concernsRuntime(topic)) return;
    throw new XsError(
      "forbidden",
      "the inspector appends nothing that may start code: use  xs append  in a terminal",
    );
  }
  const isEntry = path.startsWith("/kv/") && (method === "PUT" || method === "DELETE");
  const isFrame = method === "DELETE" && /^\/[0-9a-z]{25}$/i.test(path);
  if (isEntry || isFrame) return;
  throw new XsError("forbidden", `the inspector does not use ${method} ${path}`);
}
