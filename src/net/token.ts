import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { XsError } from "../core/error.ts";

/** The bearer token of a store, made on first use and kept in it for its owner alone. */
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

/** What the challenge of a 401 says (RFC 6750, 3). */
const REALM = 'Bearer realm="xs"';

/**
 * Lets a request pass that brings the token, in a time that says nothing about where they differ.
 *
 * @throws XsError `unauthorized`
 */
export function checkToken(request: Request, token: string): void {
  const header = request.headers.get("authorization");
  const [, given = ""] = /^Bearer +(\S+)$/i.exec(header ?? "") ?? [];
  if (timingSafeEqual(digest(given), digest(token))) return;
  const where = "the token is in the file `token` of the store that is served here";
  if (header === null) {
    const how = "XS_TOKEN for xs, else the header  Authorization: Bearer …";
    throw refusal(`the request brings no token: ${where}; send it with ${how}`, REALM);
  }
  if (given === "") {
    const form = "Authorization: Bearer …";
    throw refusal(
      `the Authorization of the request is not of the form  ${form}  that XS_TOKEN has xs send: ${where}`,
      REALM,
    );
  }
  throw refusal(
    `the request brings a token, but not that of this store: ${where}; look which one XS_TOKEN, or the address, has`,
    `${REALM}, error="invalid_token"`,
  );
}

function refusal(problem: string, challenge: string): XsError {
  return new XsError("unauthorized", problem, { headers: { "www-authenticate": challenge } });
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
