import { parseArgs } from "node:util";
import type { CommandDef } from "citty";
import { spellings, UsageError, type Verb, type VerbInput, type Verbs } from "./verb.ts";

/** Adapts a verb to citty. */
export function toCommand(verb: Verb, verbs: Verbs, rawArgs: readonly string[]): CommandDef {
  return {
    meta: { name: `xs ${verb.name}`, description: verb.summary },
    args: verb.options,
    run: () => verb.run({ ...readInput(verb, rawArgs), verbs }),
  };
}

// Not citty's parser: it keeps the last of several values, takes any flag, and reads --no-NAME as an option NAME.
function readInput(verb: Verb, rawArgs: readonly string[]): Omit<VerbInput, "verbs"> {
  const known = new Map<string, string>();
  const flags: { [spelling: string]: { type: "string" | "boolean"; short?: string } } = {};
  for (const [name, option] of Object.entries(verb.options)) {
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
  const args = [...rawArgs];
  const { tokens, positionals } = parseArgs({
    args,
    options: flags,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const options = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const name = known.get(token.name);
    const off = token.name.startsWith("no-") ? known.get(token.name.slice(3)) : undefined;
    if (name === undefined && off !== undefined && flags[off]?.type === "boolean") {
      options.delete(off);
    } else if (name === undefined) {
      throw new UsageError(`there is no option ${token.rawName}`);
    } else if (flags[name]?.type === "boolean") {
      if (token.value === "false") options.delete(name);
      else options.set(name, "true");
    } else {
      options.set(name, oneValue(verb, name, options.get(name), token.value));
    }
  }
  return { positionals, options };
}

/** The option that a command line may repeat, of every verb that has it. */
const LIST = "topic";

/** The value of an option, joined with the value `before` it for a list. @throws UsageError */
function oneValue(
  verb: Verb,
  name: string,
  before: string | undefined,
  value: string | undefined,
): string {
  if (value === undefined) throw new UsageError(`the option --${name} needs a value`);
  if (before === undefined) return value;
  if (name === LIST) return `${before},${value}`;
  // citty adds a spelling in camel case.
  const flags = spellings(name, verb.options[name] ?? {}).filter(
    (flag) => !/^--.*[A-Z]/.test(flag),
  );
  const also = flags.filter((flag) => flag !== `--${name}`);
  const named = also.length > 0 ? `--${name} (${also.join(", ")})` : `--${name}`;
  throw new UsageError(`the option ${named} is given twice: give it once`);
}
