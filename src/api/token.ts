import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { XsError } from "../frame/error.ts";

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

/** Tells whether a request brings the token, in a time that says nothing about where they differ. */
export function bringsToken(request: Request, token: string): boolean {
  const [, given = ""] = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "") ?? [];
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
