import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { quoted, XsError } from "../core/error.ts";
import { NODE_NAME } from "../store/is-store.ts";
import { PRIVATE_FILE } from "../store/modes.ts";

/** What stands in a subject of NATS as it is. */
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * The name of the node of a directory: the one that was given, now or before, or one made of the name of the machine.
 *
 * @throws XsError `bad_option` for a name that is none, or another one than before
 */
export function nodeName(directory: string, given: string | undefined): string {
  if (given !== undefined && !NAME.test(given)) {
    throw new XsError(
      "bad_option",
      `--node ${quoted(given)}: a name has letters, digits, "-" and "_", at most 64`,
    );
  }
  const path = join(directory, NODE_NAME);
  const known = existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
  if (known !== undefined && NAME.test(known)) {
    if (given === undefined || given === known) return known;
    throw new XsError(
      "bad_option",
      `--node ${given}: this directory is the node ${known}; leave --node out, or use another directory`,
    );
  }
  return given ?? madeName();
}

/** Writes the name of a node down. */
export function keepNodeName(directory: string, name: string): void {
  writeFileSync(join(directory, NODE_NAME), `${name}\n`, { mode: PRIVATE_FILE });
}

/** Several nodes may be on one machine, so the name of the machine alone is not enough. */
function madeName(): string {
  const host =
    hostname()
      .split(".")[0]
      ?.replaceAll(/[^A-Za-z0-9_-]/g, "-") || "node";
  const more = crypto.getRandomValues(new Uint8Array(2)).toHex();
  return `${host.slice(0, 48)}-${more}`;
}
