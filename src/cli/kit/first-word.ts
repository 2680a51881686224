import { isAddress } from "../../client/address.ts";
import { type ErrorCode, quoted, shellWord, XsError } from "../../core/error.ts";
import { fs } from "../../lib/builtins.ts";
import { isStore } from "../../store/is-store.ts";
import { UsageError, type Verb, type VerbInput } from "./verb.ts";

/**
 * Adds to the message of a failure what else the first word may have been meant as: the name of a folder as the address of
 * the store in it, and the address of no store as a key.
 */
export function withHint(error: unknown, verb: Verb, input: VerbInput): unknown {
  if (!(error instanceof UsageError || error instanceof XsError)) return error;
  const folder = verb.positionals.includes("[ADDR]") ? bareFolder(input) : undefined;
  const path = folder === undefined ? "" : shellWord(`./${folder}`);
  if (folder !== undefined && !error.message.includes(path)) {
    error.message += `; ${folder} is also a folder here: for the store in it, write ${path}`;
  }
  const port = verb.positionals.includes("[ADDR]") ? wordWithPort(input) : undefined;
  if (port !== undefined && (error instanceof UsageError || error.code === "bad_topic")) {
    error.message += `; ${quoted(port)} is no address: a port is digits, as in :3021`;
  }
  const key = verb.name.startsWith("kv ") ? addressIn(input) : undefined;
  if (key !== undefined && error instanceof XsError && NO_STORE.includes(error.code)) {
    error.message += `; if ${key} is the key, write  -- ${shellWord(key)}`;
  }
  return error;
}

/** The failures where an address leads to no store. */
const NO_STORE: readonly ErrorCode[] = ["store_not_found", "no_server"];

/** The first word, where it is the address. Not one that may hold a token. */
function addressIn({ positionals, store, literalFrom }: VerbInput): string | undefined {
  const [first = ""] = positionals;
  const isOne = store === undefined && literalFrom !== 0 && isAddress(first);
  return isOne && !/:\/\/|@/.test(first) ? first : undefined;
}

/** The first word, where it looks like HOST:PORT and the port is none. Not one that may hold a token. */
function wordWithPort({ positionals, store, literalFrom }: VerbInput): string | undefined {
  const [first = ""] = positionals;
  const isOne = store === undefined && literalFrom !== 0 && !isAddress(first);
  return isOne && /^[A-Za-z0-9.-]*:[^/@\s:]*$/.test(first) ? first : undefined;
}

/** Says on stderr that the first word is no address, where it names a folder that is a store or may become one. */
export async function noteBareFolder(input: VerbInput): Promise<void> {
  const folder = bareFolder(input);
  if (folder === undefined || !(isStore(folder) || isEmpty(folder))) return;
  const { messages } = await import("./messages.ts");
  messages.warn(
    `${folder} is no address here: for the store in that folder, write ${shellWord(`./${folder}`)}`,
  );
}

/** The first word, where it is no address and names a folder. */
function bareFolder({ positionals, store, literalFrom }: VerbInput): string | undefined {
  const [first = ""] = positionals;
  if (first === "" || store !== undefined || literalFrom === 0 || isAddress(first))
    return undefined;
  try {
    return fs().statSync(first, { throwIfNoEntry: false })?.isDirectory() ? first : undefined;
  } catch {
    // The word is no path that this system takes.
    return undefined;
  }
}

function isEmpty(folder: string): boolean {
  try {
    return fs().readdirSync(folder).length === 0;
  } catch {
    return false;
  }
}
