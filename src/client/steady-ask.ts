import { XsError } from "../core/error.ts";
import type { Ask } from "../net/http-client.ts";
import type { Target } from "./try-again.ts";

/** The newest record that this process has heard of, by address. */
const heard = new Map<string, number>();

/**
 * Makes an ask that sees what was written before it, whichever node of a store answers: it waits for the newest record
 * that an earlier response named, to this process or, with `XS_SESSION`, to another one.
 */
export function seeingOwnWrites(ask: Ask, address: string): Ask {
  const file = process.env.XS_SESSION;
  const session = file ? import("./session-file.ts") : undefined;
  return async (path, init) => {
    const before = (await session)?.recordIn(file ?? "") ?? 0;
    const record = Math.max(heard.get(address) ?? 0, before);
    const response = await ask(path, record > 0 ? waitingFor(record, init) : init);
    const named = Number(response.headers.get("xs-record") ?? 0);
    if (named <= record) return response;
    heard.set(address, named);
    (await session)?.keepRecord(file ?? "", named);
    return response;
  };
}

/** Whether an address has named a record: it is a node of a store on several machines. */
export function hasNamedRecord(address: string): boolean {
  return heard.has(address);
}

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
    if (!headers.has("idempotency-key")) headers.set("xs-retry-key", Bun.randomUUIDv7());
    const again = { ...init, method, headers };
    const began = performance.now();
    try {
      return await ask(path, again);
    } catch (error) {
      if (!(error instanceof XsError)) throw error;
      const { tryAgain } = await import("./try-again.ts");
      return tryAgain(ask, { ...target, path, init: again, began }, error);
    }
  };
}

function waitingFor(record: number, init: RequestInit | undefined): RequestInit {
  const headers = new Headers(init?.headers);
  headers.set("xs-reached", String(record));
  return { ...init, headers };
}
