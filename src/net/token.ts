import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Access } from "../core/access.ts";
import { XsError } from "../core/error.ts";

/** Reads a store's token; makes it on first use, in a file for the owner alone. @throws XsError `unauthorized` */
export function tokenOf(directory: string): string {
  const path = join(directory, "token");
  if (!existsSync(path)) {
    writeFileSync(path, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
  }
  chmodSync(path, 0o600);
  const token = readFileSync(path, "utf8").trim();
  if (/^[!-~]{16,}$/.test(token)) return token;
  throw new XsError("unauthorized", `${path} has no token of 16 characters or more: remove it`);
}

/** The challenge of a 401 (RFC 6750, 3). */
const REALM = 'Bearer realm="xs"';
const INVALID = `${REALM}, error="invalid_token"`;

/** The tokens that a request may bring. */
export interface TokenRules {
  /** The token of the store, which is its owner's. */
  readonly owner: string;
  /** Finds what another token may do. */
  find(token: string): Access | "expired" | undefined;
}

/**
 * Checks that a request brings a token. The comparison takes constant time, so its duration does not
 * reveal the token.
 *
 * @returns what it may do; undefined for the token of the owner
 * @throws XsError `unauthorized`
 */
export function checkToken(request: Request, { owner, find }: TokenRules): Access | undefined {
  const header = request.headers.get("authorization");
  const given = bearerIn(request.headers);
  if (timingSafeEqual(digest(given), digest(owner))) return undefined;
  const found = given === "" ? undefined : find(given);
  if (found === "expired") {
    throw refusal("the token of the request has expired: ask for a new one", INVALID);
  }
  if (found) return found;
  const where = "the token is in the file `token` of the store that is served here";
  if (header === null) {
    const how = "XS_TOKEN for xs, else the header  Authorization: Bearer …";
    throw refusal(`the request brings no token: ${where}; send it with ${how}`);
  }
  if (given === "") {
    const form = "Authorization: Bearer …";
    throw refusal(
      `the Authorization of the request is not of the form  ${form}  (xs sends it if XS_TOKEN is set): ${where}`,
    );
  }
  throw refusal(
    `the request brings a token, but not that of this store: ${where}; check the token in XS_TOKEN, or in the address; one that  xs token add  made was removed: ask for a new one`,
    INVALID,
  );
}

/** The token in the Authorization of a request; "" where it has none. */
export function bearerIn(headers: Headers): string {
  const [, given = ""] = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "") ?? [];
  return given;
}

function refusal(problem: string, challenge = REALM): XsError {
  return new XsError("unauthorized", problem, { headers: { "www-authenticate": challenge } });
}

/** The sha256 of a token or a key: what is kept of it, and what is compared in constant time. */
export function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
