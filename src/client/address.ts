import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { isStore } from "../store/is-store.ts";

/** Where a store is: a directory here, or a server somewhere. */
export type Address = { readonly directory: string } | { readonly url: string };

/** Tells an address from a topic, id or hash, where an argument could be either. */
export function looksLikeAddress(text: string): boolean {
  return /^[.~]/.test(text) || /[/:]/.test(text);
}

/** Tells whether a text names a store that is there, or can name nothing but one. */
export function isStoreAddress(text: string): boolean {
  if (!looksLikeAddress(text)) return false;
  const address = parseAddress(text);
  return "url" in address || /^[.~/]/.test(text) || isStore(address.directory);
}

/** Parses a store directory, its `sock`, `HOST:PORT`, `:PORT` or an `http(s)://` URL. */
export function parseAddress(text: string): Address {
  if (/^https?:\/\//.test(text)) return { url: text.replace(/\/+$/, "") };
  const [, host, port] = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]*):([0-9]{1,5})$/.exec(text) ?? [];
  if (port !== undefined) return { url: `http://${host || "127.0.0.1"}:${port}` };
  const path = resolve(text.replace(/^~(?=\/|$)/, homedir()));
  if (basename(path) === "sock" && isStore(dirname(path))) return { directory: dirname(path) };
  return { directory: path };
}

/** The address when none is given: `$XS_ADDR`, `./store` if it is a store, else the user's own. */
export function defaultAddress(): Address {
  const { XS_ADDR, XDG_DATA_HOME } = process.env;
  if (XS_ADDR) return parseAddress(XS_ADDR);
  const here = resolve("store");
  if (isStore(here) || existsSync(join(here, "sock"))) return { directory: here };
  const data = XDG_DATA_HOME || join(homedir(), ".local", "share");
  return { directory: join(data, "cross.stream", "store") };
}
