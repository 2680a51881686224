import { absolutePath } from "../core/absolute-path.ts";
import { quoted, XsError } from "../core/error.ts";

/** Where a server listens: on TCP, or on a unix socket. */
export type ListenAddress =
  | { readonly hostname: string; readonly port: number }
  | { readonly path: string };

/**
 * Parses `:PORT` (on 127.0.0.1), `HOST:PORT`, `[IPV6]:PORT` or the path of a unix socket, which has a
 * `/` or begins with `.` or `~`. Port 0 is any that is free.
 *
 * @throws XsError `bad_option`
 */
export function parseListenAddress(text: string, name: string): ListenAddress {
  const [, host = "", digits] =
    /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]*):([0-9]{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const scheme = schemeOf(text);
  if (scheme !== undefined) {
    throw new XsError(
      "bad_option",
      `${name}=${quoted(text)} is no place to listen: nothing speaks ${scheme}:// here, so give :PORT, HOST:PORT, [IPV6]:PORT or the path of a socket, and a tunnel (ssh, a VPN) leads there from outside`,
    );
  }
  if (port <= 65535) {
    return { hostname: host.replace(/^\[|\]$/g, "") || "127.0.0.1", port };
  }
  if (digits === undefined && /^[.~]|\//.test(text)) {
    return { path: absolutePath(text) };
  }
  throw new XsError(
    "bad_option",
    `${name}=${quoted(text)} is no place to listen: give :PORT, HOST:PORT, [IPV6]:PORT or the path of a socket`,
  );
}

/** The scheme of a URL; undefined where a text is none. */
export function schemeOf(text: string): string | undefined {
  return /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1]?.toLowerCase();
}

/** An address as it is typed. */
export function formatListenAddress(address: ListenAddress): string {
  if ("path" in address) return address.path;
  const { hostname, port } = address;
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
