import { basename, dirname, join } from "node:path";
import { absolutePath } from "../core/absolute-path.ts";
import { quoted, XsError } from "../core/error.ts";
import { fs, os } from "../lib/builtins.ts";
import { schemeOf } from "../net/listen-address.ts";
import { isStore } from "../store/is-store.ts";

/** The address of a store: a directory on this machine, or the URL of a server. */
export type Address =
  | {
      readonly directory: string;
      /** The user did not name it: it is a default place of a store. */
      readonly found?: boolean;
    }
  | {
      /** Without the token, so messages may show it. */
      readonly url: string;
      /** The bearer token in the address, which takes precedence over `XS_TOKEN`. */
      readonly token?: string;
    };

/** Tells whether a text is an address, for an argument that could also be a topic, id or hash. */
export function looksLikeAddress(text: string): boolean {
  return /^[.~]/.test(text) || /[/:]/.test(text);
}

/** Tells whether a text names an existing store, or can be nothing but the address of one. */
export function isStoreAddress(text: string): boolean {
  if (!looksLikeAddress(text)) return false;
  if (schemeOf(text) !== undefined) return true;
  const address = parseAddress(text);
  return "url" in address || /^[.~/]/.test(text) || isStore(address.directory);
}

/** The shortest token, in characters: a shorter text before "@" is a user. */
const MIN_TOKEN_LENGTH = 16;

/**
 * Parses a store directory, its `sock`, `HOST:PORT`, `:PORT` or an `http(s)://` URL, which may hold
 * the token: `http://user:TOKEN@HOST:PORT`, also without `http://` or without the user.
 *
 * @throws XsError `bad_option`
 */
export function parseAddress(text: string): Address {
  const scheme = schemeOf(text);
  if (scheme !== undefined) return parseUrl(text, scheme);
  if (/^[^/]*@[^/@]*:[0-9]{1,5}$/.test(text)) return parseUrl(`http://${text}`, "http");
  const [, host, port] = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]*):([0-9]{1,5})$/.exec(text) ?? [];
  if (port !== undefined) return parseUrl(`http://${host || "127.0.0.1"}:${port}`, "http");
  if (mayHoldToken(text)) throw badTokenAddress(text);
  const path = absolutePath(text);
  if (basename(path) === "sock" && isStore(dirname(path))) return { directory: dirname(path) };
  return { directory: path };
}

function parseUrl(text: string, scheme: string): Address {
  if (scheme !== "http" && scheme !== "https") {
    throw bad(
      `xs does not speak ${quoted(`${scheme}://`)}: give a store directory, HOST:PORT or an http(s):// URL, and reach a server elsewhere through a tunnel (ssh, a VPN)`,
    );
  }
  // The last "@" before the path ends the part with the token.
  const [, authority = "", rest = ""] = /^[^:]+:\/\/([^/?#]*)(.*)$/s.exec(text) ?? [];
  const at = authority.lastIndexOf("@");
  const url = `${scheme}://${authority.slice(at + 1)}${rest}`.replace(/\/+$/, "");
  if (rest.includes("@")) throw unescapedToken();
  if (!URL.canParse(url)) {
    throw bad(`the address is no URL that names a host: it is ${quoted(url)}`);
  }
  // Each request appends a path to the address.
  if (/[?#]/.test(url)) {
    throw bad(`the address ${quoted(url)} has a "?" or "#": leave out what follows`);
  }
  if (at < 0) return { url };
  const [user = "", ...password] = authority.slice(0, at).split(":");
  const alone = user.length < MIN_TOKEN_LENGTH ? "" : user;
  const token = password.length > 0 ? password.join(":") : alone;
  return token === "" ? { url } : { url, token: unescaped(token) };
}

/** Tells whether a text was probably meant as `user:TOKEN@HOST:PORT` or `TOKEN@HOST:PORT`, not as a path. */
function mayHoldToken(text: string): boolean {
  if (/^[./~]/.test(text)) return false;
  return (
    /^[^/]*:.*@/s.test(text) ||
    /^[^/]+@(\[[0-9a-f:.]*\]?|localhost|[0-9]+(\.[0-9]+){3}|[^/]*:[^/]*)$/i.test(text)
  );
}

/** The message shows no part of the address: it may belong to the token. */
function badTokenAddress(text: string): XsError {
  const after = text.slice(text.lastIndexOf("@") + 1);
  if (/^[^@]*[/?#]/s.test(text) && /:[0-9]{1,5}$/.test(after)) return unescapedToken();
  return bad(
    "the port is missing behind the host of an address with a token: write user:TOKEN@HOST:PORT, or http(s)://user:TOKEN@HOST, or put ./ before the name of a folder",
  );
}

function unescapedToken(): XsError {
  return bad('in the token of an address "/", "?" and "#" are %2F, %3F and %23');
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a command without one: `$XS_ADDR`, `./store` if it is a store, else the user's default store. */
export function defaultAddress(): Address {
  const { XS_ADDR, XDG_DATA_HOME } = process.env;
  if (XS_ADDR) return parseAddress(XS_ADDR);
  const here = absolutePath("store");
  if (isStore(here) || fs().existsSync(join(here, "sock"))) return { directory: here, found: true };
  const data = XDG_DATA_HOME || join(os().homedir(), ".local", "share");
  return { directory: absolutePath(join(data, "cross.stream", "store")), found: true };
}

function bad(problem: string): XsError {
  return new XsError("bad_option", problem);
}
