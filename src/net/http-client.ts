import { XsError } from "../core/error.ts";
import { throwIfNotOk } from "./api-answer.ts";
import { connectionReason } from "./connection-error.ts";
import { fetchThrough, type HttpProxy, hasProxy, proxyFor, shownProxy } from "./proxy.ts";

/** Asks the API of a store. @throws XsError what the answer says, when it is not a success */
export type Ask = (path: string, init?: RequestInit) => Promise<Response>;

/** Where a server answers: on a unix socket, or at an `http(s)://` URL, which takes a token. */
export type Place =
  | { readonly unix: string }
  | {
      readonly url: string;
      readonly token?: string | undefined;
      /** The token stood in the address, and not in `XS_TOKEN`. */
      readonly inAddress?: boolean;
    };

/**
 * Asks the API of a server: the only HTTP client of xs, for commands and scripts alike. An answer may
 * be silent for ever. No redirect is followed, as what was sent is for this address alone.
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
  // Without a limit: a following read may be silent for longer than Bun's own.
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
    `the token in ${inAddress ? "the address" : "XS_TOKEN"} has a character that no token has: it is one line, as in the file \`token\` of the store`,
  );
}

/** @throws XsError `no_server` */
function parsed(url: string): URL {
  if (URL.canParse(url)) return new URL(url);
  throw new XsError("no_server", `${url} is no URL: name another address`);
}
