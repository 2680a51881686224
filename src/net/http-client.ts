import { XsError } from "../core/error.ts";
import { throwIfNotOk } from "./api-answer.ts";
import { connectionReason } from "./connection-error.ts";
import { fetchThrough, type HttpProxy, hasProxy, proxyFor, shownProxy } from "./proxy.ts";

// Taken at once: a script of this process may get another one (sdk/ts/seal.ts).
const { fetch } = globalThis;

/** Sends a request to the API of a store. @throws XsError the error in the response, if it is no success */
export type Ask = (path: string, init?: RequestInit) => Promise<Response>;

/** The address of a server: a unix socket, or an `http(s)://` URL with a token. */
export type Place =
  | { readonly unix: string }
  | {
      readonly url: string;
      readonly token?: string | undefined;
      /** The token came from the address, not from `XS_TOKEN`. */
      readonly inAddress?: boolean;
    };

/**
 * Makes a client of a server's API: the only HTTP client of xs, for commands and scripts alike. It has no
 * time limit, and it follows no redirect: the token and the body are for this address alone.
 */
export function httpAsk(place: Place): Ask {
  if ("unix" in place) {
    const { unix } = place;
    return async (path, init) =>
      throwIfNotOk(await asked(`http://localhost${path}`, { ...init, unix }, unix), {
        path,
        at: unix,
      });
  }
  const { url, inAddress = false } = place;
  const token = checkedToken(place.token?.trim(), inAddress);
  return async (path, init = {}) => {
    const headers = new Headers(init.headers);
    if (token) headers.set("authorization", `Bearer ${token}`);
    const proxy = hasProxy(process.env) ? await proxyFor(parsed(url), process.env) : undefined;
    const response = await asked(`${url}${path}`, { ...init, headers }, url, proxy);
    const at = proxy ? `${url}, through ${shownProxy(proxy)},` : url;
    return throwIfNotOk(response, { path, at, inAddress });
  };
}

/** @throws XsError `no_server` */
async function asked(
  url: string,
  init: RequestInit & { unix?: string },
  at: string,
  proxy?: HttpProxy,
): Promise<Response> {
  // No time limit: a following read may stay silent for longer than Bun's default.
  const options = { ...init, redirect: "manual", timeout: false } as RequestInit;
  try {
    if (init.unix !== undefined || !hasProxy(process.env)) return await fetch(url, options);
    return await fetchThrough(proxy, url, options);
  } catch (error) {
    const advice = proxy
      ? "set it right, or name the host in no_proxy"
      : "start a server there, or name another address";
    const where = proxy ? `${at} through ${shownProxy(proxy)}` : at;
    const problem = `no answer from ${where} (${connectionReason(error)}): ${advice}`;
    throw new XsError("no_server", problem, { cause: error });
  }
}

/** @throws XsError `unauthorized` */
function checkedToken(token: string | undefined, inAddress: boolean): string | undefined {
  if (!token || /^[!-~]+$/.test(token)) return token;
  throw new XsError(
    "unauthorized",
    `the token in ${inAddress ? "the address" : "XS_TOKEN"} has a character that no token has: a token is one line, as in the file \`token\` of the store`,
  );
}

/** @throws XsError `no_server` */
function parsed(url: string): URL {
  if (URL.canParse(url)) return new URL(url);
  throw new XsError("no_server", `${url} is no URL: name another address`);
}
