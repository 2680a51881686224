import { isAddress } from "../../client/address.ts";
import { XsError } from "../../core/error.ts";
import { fs } from "../../lib/builtins.ts";
import { isStore } from "../../store/is-store.ts";
import { UsageError, type VerbInput } from "./verb.ts";

/** Adds to the message of a failure how to name the folder that the first word names, if it does. */
export function withFolderHint(error: unknown, input: VerbInput): unknown {
  if (!(error instanceof UsageError || error instanceof XsError)) return error;
  const folder = bareFolder(input);
  if (folder === undefined || error.message.includes(`./${folder}`)) return error;
  error.message += `; ${folder} is also a folder here: for the store in it, write ./${folder}`;
  return error;
}

/** Says on stderr that the first word is no address, where it names a folder that is a store or may become one. */
export async function noteBareFolder(input: VerbInput): Promise<void> {
  const folder = bareFolder(input);
  if (folder === undefined || !(isStore(folder) || isEmpty(folder))) return;
  const { messages } = await import("./messages.ts");
  messages.warn(`${folder} is no address here: for the store in that folder, write ./${folder}`);
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
