import { quoted, XsError } from "../core/error.ts";
import type { ListenAddress, TcpAddress } from "../net/listen-address.ts";

/** Where the inspector may listen: at an address that only this machine reaches. @throws XsError `bad_option` */
export function loopback(at: ListenAddress): TcpAddress {
  if ("path" in at) {
    throw new XsError(
      "bad_option",
      `a browser opens no socket, as ${quoted(at.path)}: give the inspector :PORT`,
    );
  }
  const { hostname, port } = at;
  // Else the resolver decides between two addresses, and another user may have the port of the other one.
  if (hostname.toLowerCase() === "localhost") return { hostname: "127.0.0.1", port };
  if (/^127(\.\d{1,3}){3}$/.test(hostname) || hostname === "::1") return at;
  throw new XsError(
    "bad_option",
    `the inspector listens on this machine alone, not at ${quoted(hostname)}: give it :PORT, and reach it from elsewhere with  ssh -L PORT:127.0.0.1:PORT HOST`,
  );
}
