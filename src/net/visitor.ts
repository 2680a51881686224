import { hostname, networkInterfaces } from "node:os";
import { quoted, XsError } from "../core/error.ts";
import { formatListenAddress } from "./listen-address.ts";
import { checkToken } from "./token.ts";

/** Where the API is exposed on TCP. */
interface Place {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Lets a request over TCP pass: only with the token, under a name that is ours, and never for a page of
 * somebody else. A browser brings neither the token nor, after a trick with DNS, our name.
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

/** The values of Host under which a place is reached. */
export function hostsOf({ hostname: given, port }: Place): Set<string> {
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
  // The usual port is left out.
  return new Set(hosts.flatMap((host) => (port === 80 ? [host, host.replace(/:80$/, "")] : host)));
}
