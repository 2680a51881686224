import { parseArgs } from "node:util";
import type { ArgsDef, CommandDef } from "citty";
import { runVerb } from "./run-verb.ts";
import {
  LISTS,
  optionsOf,
  parsed,
  spellings,
  UsageError,
  type Verb,
  type VerbInput,
  type Verbs,
} from "./verb.ts";

/** Adapts a verb to citty. */
export function toCommand(verb: Verb, verbs: Verbs, rawArgs: readonly string[]): CommandDef {
  return {
    meta: { name: `xs ${verb.name}`, description: verb.summary },
    args: optionsOf(verb),
    run: async () => {
      const { typed, ...line } = await readInput(verb, rawArgs);
      try {
        await runVerb(verb, { ...line, verbs });
      } catch (error) {
        if (error instanceof UsageError) error.message = asTyped(error.message, typed);
        throw error;
      }
    },
  };
}

/** What a command line says, with the spelling of each option in it. */
interface CommandLine extends Omit<VerbInput, "verbs"> {
  readonly typed: ReadonlyMap<string, string>;
}

// Not citty's parser: it keeps the last of several values, takes any flag, and reads --no-NAME as an option NAME.
async function readInput(verb: Verb, given: readonly string[]): Promise<CommandLine> {
  const all = optionsOf(verb);
  const rawArgs = verb.takesMinus
    ? (await import("./minus-words.ts")).wordsLast(given, all)
    : given;
  const { known, flags } = flagsOf(all);
  const { tokens } = parseArgs({
    args: [...rawArgs],
    options: flags,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const options = new Map<string, string>();
  const typed = new Map<string, string>();
  const positionals: string[] = [];
  let literalFrom: number | undefined;
  for (const token of tokens) {
    if (token.kind === "option-terminator") literalFrom = positionals.length;
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    // parseArgs takes --f for -f.
    const isWord = token.rawName.startsWith("--");
    const name = isWord && token.name.length === 1 ? undefined : known.get(token.name);
    const off = token.name.startsWith("no-") ? known.get(token.name.slice(3)) : undefined;
    if (name === undefined && off !== undefined && flags[off]?.type === "boolean") {
      if (token.value !== undefined) throw new UsageError(`${token.rawName} takes no value`);
      options.delete(off);
    } else if (name === undefined) {
      const { unknownOption } = await import("./suggest.ts");
      throw unknownOption(token.rawName, rawArgs[token.index] ?? "", all);
    } else if (flags[name]?.type === "boolean") {
      if (await isOn(token.rawName, token.value)) options.set(name, "true");
      else options.delete(name);
    } else {
      typed.set(name, token.rawName);
      options.set(name, oneValue(all, name, token.rawName, options.get(name), token.value));
    }
  }
  const store = options.get("store");
  options.delete("store");
  return { positionals, options, store, literalFrom, typed };
}

/** Whether a flag is on: with a value, as the value says. @throws UsageError */
async function isOn(typed: string, value: string | undefined): Promise<boolean> {
  if (value === undefined) return true;
  // An empty value may come of a variable that is not set.
  if (value === "") throw new UsageError(`${typed}="" is neither true (yes) nor false (no)`);
  const { parseFlag } = await import("../../core/read-options.ts");
  return parsed(parseFlag, value, typed);
}

/** How parseArgs takes options, and the option that each spelling names. */
function flagsOf(options: ArgsDef) {
  const known = new Map<string, string>();
  const flags: { [spelling: string]: { type: "string" | "boolean"; short?: string } } = {};
  for (const [name, option] of Object.entries(options)) {
    const type = option.type === "boolean" ? "boolean" : "string";
    const all = spellings(name, option).map((spelling) => spelling.replace(/^-+/, ""));
    const short = all.find((spelling) => spelling.length === 1);
    for (const spelling of all) {
      known.set(spelling, name);
      if (spelling.length > 1) flags[spelling] = { type };
    }
    flags[name] = { type, ...(short && { short }) };
    if (type === "boolean") flags[`no-${name}`] ??= { type };
  }
  return { known, flags };
}

/** The value of an option, joined with the value `before` it for a list. @throws UsageError */
function oneValue(
  options: ArgsDef,
  name: string,
  typed: string,
  before: string | undefined,
  value: string | undefined,
): string {
  if (value === undefined) throw new UsageError(`the option ${typed} needs a value`);
  if (before === undefined) return value;
  if (LISTS[name] !== undefined) return `${before}${LISTS[name]}${value}`;
  // citty adds a spelling in camel case.
  const flags = spellings(name, options[name] ?? {}).filter((flag) => !/^--.*[A-Z]/.test(flag));
  const also = flags.filter((flag) => flag !== `--${name}`);
  const named = also.length > 0 ? `--${name} (${also.join(", ")})` : `--${name}`;
  throw new UsageError(`the option ${named} is given twice: give it once`);
}

/** Names the option at the start of a message as the user typed it: `limit="x"` and `--limit "x"` as `-n "x"`. */
function asTyped(message: string, typed: ReadonlyMap<string, string>): string {
  const [start, name = ""] = /^(?:--)?([a-z-]+)[= ](?=")/.exec(message) ?? [];
  const spelling = typed.get(name);
  return start && spelling ? `${spelling} ${message.slice(start.length)}` : message;
}
