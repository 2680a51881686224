import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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

/**
 * Checks that a request brings the token. The comparison takes constant time, so its duration does not
 * reveal the token.
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
    throw refusal(`the request brings no token: ${where}; send it with ${how}`);
  }
  if (given === "") {
    const form = "Authorization: Bearer …";
    throw refusal(
      `the Authorization of the request is not of the form  ${form}  (xs sends it if XS_TOKEN is set): ${where}`,
    );
  }
  throw refusal(
    `the request brings a token, but not that of this store: ${where}; check the token in XS_TOKEN, or in the address`,
    `${REALM}, error="invalid_token"`,
  );
}

function refusal(problem: string, challenge = REALM): XsError {
  return new XsError("unauthorized", problem, { headers: { "www-authenticate": challenge } });
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
