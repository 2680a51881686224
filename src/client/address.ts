import { absolutePath } from "../core/absolute-path.ts";
import { quoted, XsError } from "../core/error.ts";
import { fs, os, paths } from "../lib/builtins.ts";
import { schemeOf } from "../net/listen-address.ts";
import { isStore } from "../store/is-store.ts";
import { isClosedToUs } from "../store/owner.ts";

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

/** `HOST:PORT`, `:PORT` or `[IPV6]:PORT`. */
const HOST_PORT = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]*):([0-9]{1,5})$/;
/** The same behind `user:TOKEN@` or `TOKEN@`. */
const TOKEN_HOST_PORT = /^[^/]*@[^/@]*:[0-9]{1,5}$/;

/** Tells whether a positional argument has the form of an address. A bare word is a topic, a key or a file. */
export function isAddress(word: string): boolean {
  return /^[./~]/.test(word) || isRemote(word);
}

function isRemote(word: string): boolean {
  return word.includes("://") || HOST_PORT.test(word) || TOKEN_HOST_PORT.test(word);
}

/** Tells whether an address names a store that is there, its socket, or a server; any other may name a file. */
export function namesStore(word: string): boolean {
  if (isRemote(word)) return !fs().statSync(word, { throwIfNoEntry: false })?.isFile();
  const address = parseAddress(word);
  if ("url" in address) return true;
  const { directory } = address;
  const place = fs().statSync(directory, { throwIfNoEntry: false });
  return (
    isStore(directory) ||
    fs().existsSync(paths().join(directory, "sock")) ||
    place?.isSocket() === true ||
    (place?.isDirectory() === true && isClosedToUs(directory))
  );
}

/** Tells whether an address is that of `$XS_ADDR`, which an older nushell module of xs passes as an absolute path. */
export function isEnvironmentAddress(word: string): boolean {
  const { XS_ADDR } = process.env;
  if (!XS_ADDR) return false;
  return word === XS_ADDR || (word.startsWith("/") && absolutePath(word) === absolutePath(XS_ADDR));
}

/** Refuses a word that was probably meant as an address with a token, and names no part of it. @throws XsError */
export function refuseToken(word: string): void {
  if (mayHoldToken(word)) throw badTokenAddress(word);
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
  // Nothing that begins so is more than a path, which a command sees most often.
  const remote = /^\.{0,2}\//.test(text) ? undefined : remoteAt(text);
  return remote ?? directoryAt(text);
}

/** The address of a server; undefined where the text is a path. @throws XsError `bad_option` */
function remoteAt(text: string): Address | undefined {
  const scheme = schemeOf(text);
  if (scheme !== undefined) return parseUrl(text, scheme);
  if (TOKEN_HOST_PORT.test(text)) return parseUrl(`http://${text}`, "http");
  const [, host, port] = HOST_PORT.exec(text) ?? [];
  if (port !== undefined) return parseUrl(`http://${host || "127.0.0.1"}:${port}`, "http");
  refuseToken(text);
  return undefined;
}

function directoryAt(text: string): Address {
  const path = absolutePath(text);
  if (path.endsWith("sock")) {
    const { basename, dirname } = paths();
    if (basename(path) === "sock" && isStore(dirname(path))) return { directory: dirname(path) };
  }
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
  const { join } = paths();
  const here = absolutePath("store");
  if (isStore(here) || fs().existsSync(join(here, "sock"))) return { directory: here, found: true };
  const data = XDG_DATA_HOME || join(os().homedir(), ".local", "share");
  return { directory: absolutePath(join(data, "cross.stream", "store")), found: true };
}

function bad(problem: string): XsError {
  return new XsError("bad_option", problem);
}
