import { absolutePath } from "../core/absolute-path.ts";
import { quoted, XsError } from "../core/error.ts";

/** A TCP address. */
export type TcpAddress = { readonly hostname: string; readonly port: number };

/** The address a server listens on: TCP, or a unix socket. */
export type ListenAddress = TcpAddress | { readonly path: string };

/**
 * Parses `:PORT` (on 127.0.0.1), `HOST:PORT`, `[IPV6]:PORT` or the path of a unix socket, which has a
 * `/` or begins with `.` or `~`. Port 0 means any free port.
 *
 * @param name the option, for messages
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
      `${name}=${quoted(text)} is no place to listen: xs does not serve ${scheme}://, so give :PORT, HOST:PORT, [IPV6]:PORT or the path of a socket, and reach it from outside through a tunnel (ssh, a VPN)`,
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

/** The scheme of a URL, in lower case; undefined if the text is no URL. */
export function schemeOf(text: string): string | undefined {
  return /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1]?.toLowerCase();
}

/** Formats an address in the form that {@link parseListenAddress} reads. */
export function formatListenAddress(address: ListenAddress): string {
  if ("path" in address) return address.path;
  const { hostname, port } = address;
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
