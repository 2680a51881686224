import { hostname, networkInterfaces } from "node:os";
import type { Access } from "../core/access.ts";
import { quoted, XsError } from "../core/error.ts";
import { formatListenAddress, type TcpAddress } from "./listen-address.ts";
import { checkToken, type TokenRules } from "./token.ts";

/** What a request over TCP is checked against. */
export interface VisitorRules extends TokenRules {
  /** From {@link hostsOf}. */
  readonly hosts: ReadonlySet<string>;
}

/**
 * Checks a request over TCP: it needs a token and a Host that is ours, and no page of another site may send it, but for
 * one with a token that names its origin. The Host check stops DNS rebinding, where a page makes a browser call this
 * server.
 *
 * @returns what the token may do; undefined for that of the owner
 * @throws XsError `unauthorized`, `bad_host`, `foreign_origin`
 */
export function checkVisitor(request: Request, rules: VisitorRules): Access | undefined {
  const { hosts } = rules;
  const access = checkToken(request, rules);
  const host = request.headers.get("host")?.toLowerCase() ?? "";
  if (!hosts.has(host)) {
    throw new XsError("bad_host", `the Host ${quoted(host)} is none of ${[...hosts].join(", ")}`);
  }
  const origin = request.headers.get("origin");
  const cors = access?.scope.cors ?? null;
  if (origin === null || origin === cors) return access;
  if (cors === null && origin.toLowerCase() === `http://${host}`) return access;
  throw new XsError(
    "foreign_origin",
    access
      ? `a page of ${quoted(origin)} may not use the token ${quoted(access.scope.name)}${cors === null ? ", which was made without --cors" : `, which is for pages of ${cors}`}`
      : `a page of ${quoted(origin)} may not use this API`,
  );
}

/** All values of `Host` that name the address on which the API is exposed. */
export function hostsOf({ hostname: given, port }: TcpAddress): Set<string> {
  const names = new Set([given, "localhost", "127.0.0.1", "::1"]);
  if (given === "0.0.0.0" || given === "::") {
    names.add(hostname());
    for (const addresses of Object.values(networkInterfaces())) {
      for (const { address } of addresses ?? []) names.add(address);
    }
  }
  const hosts = [...names].map((name) =>
    formatListenAddress({ hostname: name, port }).toLowerCase(),
  );
  // Clients leave the default port out.
  return new Set(hosts.flatMap((host) => (port === 80 ? [host, host.replace(/:80$/, "")] : host)));
}
