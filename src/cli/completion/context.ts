import type { ArgDef } from "citty";
import { isAddress } from "../../client/address.ts";
import { optionsOf, QUIET_NAMES, spellings, type Verb, type Verbs } from "../kit/verb.ts";

/** What belongs at the cursor of a command line. */
export type Context =
  /** One of these words: commands, or their flags. */
  { readonly words: readonly string[] } | Wanted;

/** A value of an option, or a positional argument. */
export interface Wanted {
  /** What it is, in the words of the help: TOPIC, KEY, asc|desc. Several where any may stand. */
  readonly hints: readonly string[];
  readonly isOption: boolean;
  /** The part of the word before the value, as in --topic=. */
  readonly before: string;
  /** The value so far. */
  readonly text: string;
  readonly verb: string;
  /** Where the store is, if the command line says so. */
  readonly address: string | undefined;
  /** The positional arguments so far, without the address. */
  readonly positionals: readonly string[];
  /** Whether a value is one in this place: it may also be read as an option, or as an address. */
  fits(value: string): boolean;
}

/** Finds out what belongs at the cursor. @param words after `xs`, before the cursor; @param current at the cursor */
export async function contextOf(
  words: readonly string[],
  current: string,
  verbs: Verbs,
): Promise<Context> {
  const names = Object.keys(verbs);
  const [first] = words;
  if (first === undefined) return { words: [...new Set(names.map(firstWord)), "help"] };
  if (first === "help" && current.startsWith("-")) return { words: ["--all"] };
  if (first === "help") return await contextOf(words.slice(1), current, verbs);
  const pair = words.slice(0, 2).join(" ");
  const two = Object.hasOwn(QUIET_NAMES, pair) ? (QUIET_NAMES[pair] ?? pair) : pair;
  const count = words.length > 1 && Object.hasOwn(verbs, two) ? 2 : 1;
  const name = count === 2 ? two : first;
  const load = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (load) return inVerb(await load(), words.slice(count), current);
  const group = words.length === 1 ? names.filter((verb) => verb.startsWith(`${first} `)) : [];
  return { words: group.map((verb) => verb.slice(first.length + 1)) };
}

function firstWord(name: string): string {
  return name.split(" ")[0] ?? "";
}

function inVerb(verb: Verb, words: readonly string[], current: string): Context {
  const { positionals, address, pending, isLiteral } = readWords(verb, words);
  const value = (option: ArgDef, before: string, text: string): Wanted => ({
    hints: [option.valueHint ?? ""],
    isOption: true,
    before,
    text,
    verb: verb.name,
    address: address ?? addressIn(verb, positionals),
    positionals: withoutAddress(verb, positionals, address),
    fits: () => true,
  });
  if (pending) return value(pending, "", current);
  if (!isLiteral && current.startsWith("-")) {
    const [, before, text = ""] = /^(--[^=]+=|-[A-Za-z](?=.))(.*)$/s.exec(current) ?? [];
    const option = before === undefined ? undefined : optionNamed(verb, before.replace("=", ""));
    if (before !== undefined && option?.type === "string") return value(option, before, text);
    return { words: [...flagsOf(verb), "--help"] };
  }
  const own = withoutAddress(verb, positionals, address);
  const kinds = kindsOf(verb);
  const hints = kinds[own.length] ?? (kinds.at(-1)?.at(-1) === "…" ? (kinds.at(-1) ?? []) : []);
  const mayBeAddress =
    takesAddress(verb) && address === undefined && positionals.length === 0 && !isLiteral;
  return {
    hints: mayBeAddress ? [...hints, "ADDR"] : hints,
    isOption: false,
    before: "",
    text: current,
    verb: verb.name,
    address: address ?? addressIn(verb, positionals),
    positionals: own,
    fits: (word) => isLiteral || (!word.startsWith("-") && !(mayBeAddress && isAddress(word))),
  };
}

interface Read {
  readonly positionals: readonly string[];
  /** The value of --store. */
  readonly address: string | undefined;
  /** The option whose value is at the cursor. */
  readonly pending: ArgDef | undefined;
  /** The cursor is after `--`. */
  readonly isLiteral: boolean;
}

function readWords(verb: Verb, words: readonly string[]): Read {
  const positionals: string[] = [];
  let address: string | undefined;
  let pending: ArgDef | undefined;
  let isLiteral = false;
  const take = (option: ArgDef, text: string) => {
    if (option === optionsOf(verb).store) address = text;
  };
  for (const word of words) {
    if (pending) {
      take(pending, word);
      pending = undefined;
    } else if (isLiteral || !word.startsWith("-") || word === "-") positionals.push(word);
    else if (word === "--") isLiteral = true;
    else if (word.startsWith("--")) {
      const [flag = "", ...rest] = word.split("=");
      const option = optionNamed(verb, flag);
      if (option?.type !== "string") continue;
      if (rest.length > 0) take(option, rest.join("="));
      else pending = option;
    } else {
      // Letters that stand together: the first that takes a value takes the rest.
      const letters = [...word.slice(1)];
      const at = letters.findIndex((letter) => optionNamed(verb, `-${letter}`)?.type === "string");
      const option = optionNamed(verb, `-${letters[at]}`);
      if (at < 0 || !option) continue;
      if (at < letters.length - 1) take(option, letters.slice(at + 1).join(""));
      else pending = option;
    }
  }
  return { positionals, address, pending, isLiteral };
}

function optionNamed(verb: Verb, flag: string): ArgDef | undefined {
  return Object.entries(optionsOf(verb)).find(([name, option]) =>
    spellings(name, option).includes(flag),
  )?.[1];
}

/** The flags of a verb as a user types them, without those that citty adds in camel case. */
export function flagsOf(verb: Verb): string[] {
  const options = Object.entries(optionsOf(verb));
  return options.flatMap(([name, option]) => flagsOfOption(name, option));
}

export function flagsOfOption(name: string, option: ArgDef): string[] {
  return [...new Set(spellings(name, option))].filter((flag) => !/^--.*[A-Z]/.test(flag));
}

/** What each positional argument may be, without the address: `[ADDR] ID…|-` is [["ID", "-", "…"]]. */
function kindsOf(verb: Verb): string[][] {
  const words = verb.positionals.replaceAll(" | ", "|").split(" ");
  return words
    .map((word) => word.replace(/[[\]]/g, ""))
    .filter((word) => word !== "" && word !== "ADDR")
    .map((word) => [...word.replaceAll("…", "").split("|"), ...(word.includes("…") ? ["…"] : [])]);
}

function takesAddress(verb: Verb): boolean {
  return /\bADDR\b/.test(verb.positionals);
}

function addressIn(verb: Verb, positionals: readonly string[]): string | undefined {
  const [first] = positionals;
  return takesAddress(verb) && first !== undefined && isAddress(first) ? first : undefined;
}

function withoutAddress(
  verb: Verb,
  positionals: readonly string[],
  address: string | undefined,
): readonly string[] {
  const isFirst = address === undefined && addressIn(verb, positionals) !== undefined;
  return isFirst ? positionals.slice(1) : positionals;
}
