import type { IncomingMessage } from "node:http";
import { quoted, XsError } from "../core/error.ts";
import { encodeMeta, MAX_META } from "../core/frame.ts";
import { isHost } from "../core/host.ts";

/** The value of each key; a list for a key that occurs several times. */
type Values = Record<string, string | string[]>;

/**
 * Encodes a request without its body as JSON, for the meta of its frame.
 *
 * @throws XsError `bad_host`, `bad_request`, `headers_too_large`
 */
export function requestMeta(request: IncomingMessage): string {
  const { method = "", url = "", httpVersion, rawHeaders, socket } = request;
  // Everything goes into the meta, so a larger request cannot fit and is refused unparsed.
  if (rawHeaders.reduce((sum, text) => sum + text.length, url.length) > MAX_META) {
    throw tooLarge();
  }
  const headers = readHeaders(rawHeaders);
  const [, host, target = ""] = /^(?:https?:\/\/([^/?#]*))?([/?].*|)$/i.exec(url) ?? [];
  if (target === "" && host === undefined) {
    throw new XsError("bad_request", `${method} ${url} is not for a path on this server`);
  }
  const authority = host ?? headers.host ?? null;
  for (const given of [authority, headers.host]) {
    // Only HTTP/1.0 may omit the host.
    if (given == null || isHost(given)) continue;
    throw new XsError("bad_host", `the Host ${quoted(given)} is no name of a host: send another`);
  }
  const { path, query } = splitTarget(target);
  const address = socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, "");
  const meta = {
    proto: `HTTP/${httpVersion}`,
    method,
    authority,
    remote_ip: address || null,
    remote_port: address ? (socket.remotePort ?? null) : null,
    headers,
    uri: url,
    path,
    query,
  };
  try {
    return encodeMeta(meta);
  } catch (error) {
    throw tooLarge(error);
  }
}

function tooLarge(cause?: unknown): XsError {
  const most = `the request's address and headers are larger than ${MAX_META} bytes: send less`;
  return new XsError("headers_too_large", most, { cause });
}

/** Reads headers: names in lower case; repeated headers joined into one list (RFC 9110, 5.3). */
function readHeaders(raw: readonly string[]): Record<string, string> {
  // Without a prototype: the client chooses the names, and "__proto__" is a valid one.
  const headers: Record<string, string> = Object.create(null);
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at]?.toLowerCase() ?? "";
    const value = headerText(raw[at + 1] ?? "");
    const before = headers[name];
    if (before !== undefined && name === "host") {
      throw new XsError("bad_host", "the request has more than one Host header: send one");
    }
    const joint = name === "cookie" ? "; " : ", ";
    headers[name] = before === undefined ? value : before + joint + value;
  }
  return headers;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Decodes a header, which node:http delivers as Latin-1: as UTF-8 if its bytes are valid UTF-8. */
function headerText(value: string): string {
  if (!/[\x80-\xff]/.test(value)) return value;
  try {
    return utf8.decode(Buffer.from(value, "latin1"));
  } catch {
    return value;
  }
}

function splitTarget(target: string): { path: string; query: Values } {
  const [beforeFragment = ""] = target.split("#");
  const mark = beforeFragment.indexOf("?");
  const path = mark < 0 ? beforeFragment : beforeFragment.slice(0, mark);
  const query: Values = Object.create(null);
  const search = mark < 0 ? "" : beforeFragment.slice(mark + 1);
  for (const [key, value] of new URLSearchParams(search)) {
    const before = query[key];
    if (Array.isArray(before)) before.push(value);
    else query[key] = before === undefined ? value : [before, value];
  }
  return { path: decodePath(path) || "/", query };
}

/** Decodes the percent-encoding of a path; returns the path unchanged if that is broken. */
function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
