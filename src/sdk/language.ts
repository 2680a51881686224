import { existsSync } from "node:fs";
import { XsError } from "../core/error.ts";

/** The largest script in TypeScript, in bytes: a bundle has its packages in it. */
export const MAX_TS_BYTES = 8 * 1024 * 1024;

/** Tells whether a script is an ES module with a default export; any other script is nushell. */
export function isModule(script: string): boolean {
  return /(?:^|[;}])\s*export\s+(?:default\b|\{[^}]*\bdefault\b)/m.test(script);
}

/**
 * Finds nushell on this machine: the program in `XS_NU`, else `nu` on the PATH.
 *
 * @param why begins the message with the reason why xs needs it
 * @throws XsError `not_found`, with the ways to install it
 */
export function findNu(
  why = "the script has no default export, so it is taken for nushell, and",
): string {
  const given = process.env.XS_NU;
  const nu = given || Bun.which("nu");
  if (nu && (!given || existsSync(given))) return nu;
  const missing = given ? `there is no ${given} (XS_NU)` : "nushell (nu) is not on the PATH";
  throw new XsError(
    "not_found",
    `${why} ${missing}: install it (https://www.nushell.sh, or  npm install -g nushell ), or name it in XS_NU`,
  );
}
