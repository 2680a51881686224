import type { Ask } from "../net/http-client.ts";
import { writeMayPass } from "./may-pass.ts";
import type { Target } from "./try-again.ts";

/**
 * Makes an ask whose writes may be sent again. Each has a key of its own, with which a store on several machines does it
 * once; there, what fails because the lead changes or a node goes is tried again for a while. A store on one machine
 * ignores the key, and its failures are what they were.
 */
export function withSafeRetries(ask: Ask, target: Target): Ask {
  return async (path, init) => {
    const { method = "GET", body } = init ?? {};
    // A stream cannot be sent again.
    if (method === "GET" || method === "HEAD" || body instanceof ReadableStream) {
      return ask(path, init);
    }
    const headers = new Headers(init?.headers);
    if (!headers.has("idempotency-key")) headers.set("xs-retry-key", crypto.randomUUID());
    const again = { ...init, method, headers };
    try {
      return await ask(path, again);
    } catch (error) {
      if (!writeMayPass(error)) throw error;
      const { tryAgain } = await import("./try-again.ts");
      return tryAgain(ask, { ...target, path, init: again }, error);
    }
  };
}
