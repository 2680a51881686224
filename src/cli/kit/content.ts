import { readInput } from "./input.ts";
import { flag, UsageError, type VerbInput } from "./verb.ts";

/** The option of the verbs that store content. */
export const EMPTY_OPTION = { empty: flag("store no content, and read no stdin") };

/**
 * Returns the content that a command line means: the word, nothing with --empty, else stdin. A loop keeps its stdin where
 * the content is a word.
 *
 * @param word the last positional argument, where it is the content
 * @param what a person at a terminal is asked for
 * @throws UsageError
 */
export async function readContent(
  { positionals, options, literalFrom }: VerbInput,
  word: string | undefined,
  what: string,
): ReturnType<typeof readInput> {
  if (options.has("empty")) {
    if (word !== undefined) throw new UsageError("--empty does not go with content: give one");
    return new Uint8Array();
  }
  if (word === undefined) return readInput(what);
  if (word === "-" && !(literalFrom !== undefined && literalFrom < positionals.length)) {
    throw new UsageError("leave out the - to read stdin; for the text - itself, write  -- -");
  }
  return new TextEncoder().encode(word);
}
