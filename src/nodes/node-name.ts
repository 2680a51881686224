import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { XsError } from "../core/error.ts";
import { isNodeName, parseNodeName } from "../core/node-name.ts";
import { writeDurably } from "../lib/durable-file.ts";
import { NODE_NAME } from "../store/is-store.ts";
import { PRIVATE_FILE } from "../store/modes.ts";

/**
 * The name of the node of a directory: the one that was given, now or before, or one made of the name of the machine.
 *
 * @throws XsError `bad_option` for a name that is none, or another one than before
 */
export function nodeName(directory: string, given: string | undefined): string {
  if (given !== undefined) parseNodeName(given);
  const path = join(directory, NODE_NAME);
  const known = existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
  if (known !== undefined && isNodeName(known)) {
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
  const path = join(directory, NODE_NAME);
  if (existsSync(path) && readFileSync(path, "utf8").trim() === name) return;
  writeDurably(path, `${name}\n`, PRIVATE_FILE);
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
