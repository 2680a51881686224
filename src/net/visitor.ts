import { hostname, networkInterfaces } from "node:os";
import { quoted, XsError } from "../core/error.ts";
import { formatListenAddress, type TcpAddress } from "./listen-address.ts";
import { checkToken } from "./token.ts";

/**
 * Checks a request over TCP: it needs the token and a Host that is ours, and no page of another site may
 * send it. The Host check stops DNS rebinding, where a page makes a browser call this server.
 *
 * @param hosts from {@link hostsOf}
 * @throws XsError `unauthorized`, `bad_host`, `foreign_origin`
 */
export function checkVisitor(request: Request, token: string, hosts: ReadonlySet<string>): void {
  checkToken(request, token);
  const host = request.headers.get("host")?.toLowerCase() ?? "";
  if (!hosts.has(host)) {
    throw new XsError("bad_host", `the Host ${quoted(host)} is none of ${[...hosts].join(", ")}`);
  }
  const origin = request.headers.get("origin");
  if (origin !== null && origin.toLowerCase() !== `http://${host}`) {
    throw new XsError("foreign_origin", `a page of ${quoted(origin)} may not use this API`);
  }
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
