import type { ArgDef, ArgsDef } from "citty";
import { XsError } from "../../core/error.ts";

/** A wrong command line: xs exits with 2, and prints the usage of the verb. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The command line of a verb, after its name. */
export interface VerbInput {
  readonly positionals: readonly string[];
  /** The options by their long name; a flag has the value "true". */
  readonly options: ReadonlyMap<string, string>;
  /** The value of --store: then no positional argument is an address. */
  readonly store?: string | undefined;
  /** The index of the first positional argument behind `--`: from there on a word is what the verb takes. */
  readonly literalFrom?: number | undefined;
  /** All verbs, for a verb that lists them. */
  readonly verbs: Verbs;
}

/** The verbs by name; each function loads its verb. */
export type Verbs = Readonly<Record<string, () => Promise<Verb>>>;

/** Names that people know from elsewhere. No list shows them. */
export const QUIET_NAMES: Readonly<Record<string, string>> = {
  "kv set": "kv put",
  "kv rm": "kv delete",
  "kv ls": "kv list",
  "token delete": "token rm",
  "token remove": "token rm",
  "token ls": "token list",
};

/** One verb of the command line. */
export interface Verb {
  readonly name: string;
  readonly summary: string;
  /** The positional arguments, as the usage shows them. */
  readonly positionals: string;
  readonly options: ArgsDef;
  /** A word that begins with one minus, and is no option, is a positional argument; so is one with a space behind two. */
  readonly takesMinus?: true;
  /** Command lines that work, each with a note on its effect. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  run(input: VerbInput): Promise<void>;
}

/** Makes an option with a value. @param valueHint stands for the value in the help */
export function text(valueHint: string, description: string, alias?: string | string[]) {
  return { type: "string", valueHint, description, ...(alias && { alias }) } as const;
}

/** Makes an option that is on or off. */
export function flag(description: string, alias?: string | string[]) {
  return { type: "boolean", description, ...(alias && { alias }) } as const;
}

/** The option that names the store, of every verb that takes an address. */
export const STORE_OPTION = {
  store: text(
    "ADDR",
    "the store, in place of the first argument; here a bare word is one too",
    "s",
  ),
};

/** The options that a command line may repeat, of every verb that has them, and what joins their values. */
export const LISTS: Readonly<Record<string, string>> = {
  topic: ",",
  topics: ",",
  field: "\0",
  read: ",",
  append: ",",
};

/** All options of a verb. */
export function optionsOf(verb: Verb): ArgsDef {
  return /\[(ADDR|PATH)\]/.test(verb.positionals)
    ? { ...verb.options, ...STORE_OPTION }
    : verb.options;
}

/** The flags of an option as a user types them: `-f`, `--follow`. */
export function spellings(name: string, option: ArgDef): string[] {
  const { alias = [] } = option as { alias?: string | string[] };
  return [...[alias].flat(), name].map((flag) => (flag.length === 1 ? `-${flag}` : `--${flag}`));
}

/** Runs a parser over an argument. @throws UsageError in place of an XsError */
export function parsed<T, Given extends unknown[]>(
  parse: (...given: Given) => T,
  ...given: Given
): T {
  try {
    return parse(...given);
  } catch (error) {
    if (error instanceof XsError) throw new UsageError(error.message);
    throw error;
  }
}
