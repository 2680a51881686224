import type { ArgDef, ArgsDef, CommandDef } from "citty";
import { XsError } from "../frame/error.ts";

/** A command line that cannot be understood: exit 2, with the usage of the verb. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What a verb gets of the command line. */
export interface VerbInput {
  readonly positionals: readonly string[];
  /** The options given, by their long name; a flag is "true". */
  readonly options: ReadonlyMap<string, string>;
  /** All verbs there are, for those that tell of the others. */
  readonly verbs: Verbs;
}

/** The verbs by name, each loaded when it is wanted. */
export type Verbs = Readonly<Record<string, () => Promise<Verb>>>;

/** One verb of the command line. */
export interface Verb {
  readonly name: string;
  readonly summary: string;
  /** The positional arguments, as the usage shows them. */
  readonly positionals: string;
  readonly options: ArgsDef;
  /** Command lines that work, each with what it does. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  run(input: VerbInput): Promise<void>;
}

/** The verb as citty takes it. */
export function toCommand(verb: Verb, verbs: Verbs, rawArgs: readonly string[]): CommandDef {
  return {
    meta: { name: `xs ${verb.name}`, description: verb.summary },
    args: verb.options,
    run: ({ args }) => verb.run({ ...readInput(verb, args, rawArgs), verbs }),
  };
}

/** An option's flags as they are typed: `-f`, `--follow`. */
export function spellings(name: string, option: ArgDef): string[] {
  const { alias = [] } = option as { alias?: string | string[] };
  return [...[alias].flat(), name].map((flag) => (flag.length === 1 ? `-${flag}` : `--${flag}`));
}

/** Runs a parser over an argument: what it refuses is wrong usage. */
export function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof XsError) throw new UsageError(error.message);
    throw error;
  }
}

// citty takes any flag, gives each under several spellings, and turns a missing value into "".
function readInput(
  verb: Verb,
  args: Record<string, unknown> & { _: string[] },
  rawArgs: readonly string[],
): Omit<VerbInput, "verbs"> {
  const known = new Map<string, string>();
  for (const [name, option] of Object.entries(verb.options)) {
    for (const spelling of spellings(name, option)) known.set(spelling.replace(/^-+/, ""), name);
  }
  const options = new Map<string, string>();
  for (const [spelling, value] of Object.entries(args)) {
    const name = known.get(spelling);
    if (spelling === "_" || value === undefined) continue;
    if (name === undefined) {
      // Camel case is another spelling that citty adds of an option we know.
      if (known.has(spelling.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`))) continue;
      throw new UsageError(`there is no option ${spelling.length > 1 ? "--" : "-"}${spelling}`);
    }
    const flag = verb.options[name]?.type === "boolean";
    if (!flag && value === "" && !rawArgs.some((arg) => arg.endsWith("=") || arg === "")) {
      throw new UsageError(`the option --${name} needs a value`);
    }
    if (value === false) continue;
    options.set(name, String(value));
  }
  return { positionals: args._, options };
}
