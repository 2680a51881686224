import type { ArgsDef } from "citty";
import { shellWord } from "../../core/error.ts";
import { spellings, UsageError } from "./verb.ts";

/** What people type for a command of ours, as other programs call it. */
const SYNONYMS: Readonly<Record<string, string>> = {
  rm: "remove",
  delete: "remove",
  ls: "cat",
  list: "cat",
  log: "cat",
  tail: "cat --follow",
  follow: "cat --follow",
  add: "append",
  emit: "append",
  push: "append",
  send: "append",
  write: "append",
  start: "serve",
  run: "eval",
  set: "kv put",
  put: "kv put",
  "kv add": "kv put",
  "kv cat": "kv get",
  "kv del": "kv delete",
  "kv remove": "kv delete",
  "kv follow": "kv watch",
  logs: "handler logs",
  stop: "handler stop",
  restart: "handler restart",
  "handler remove": "handler rm",
  "handler delete": "handler rm",
  "handler terminate": "handler rm",
  "handler spawn": "handler add",
  "handler run": "handler add",
  "handler list": "ps --all",
  "handler ls": "ps --all",
  "handler ps": "ps --all",
  "handler status": "ps --all",
  "generator remove": "generator rm",
  "generator delete": "generator rm",
  "generator terminate": "generator rm",
  "generator spawn": "generator add",
  "generator run": "generator add",
  "generator list": "ps --all",
  "generator ls": "ps --all",
  "generator ps": "ps --all",
  "generator status": "ps --all",
};

/**
 * The error for an option that a verb does not have.
 *
 * @param flag the option that is unknown; a letter, where several stand behind one dash
 * @param word the whole argument, as it was typed
 */
export function unknownOption(flag: string, word: string, options: ArgsDef): UsageError {
  if (flag === "--help") return new UsageError("--help takes no value");
  const [typed = flag] = word.split("=");
  const named = typed === flag ? flag : `${flag} (in ${typed})`;
  if (/^-[0-9.]/.test(word)) {
    return new UsageError(
      `there is no option ${flag}: what begins with - and is no option stands behind --, as in  -- ${shellWord(word)}`,
    );
  }
  const flags = Object.entries(options).flatMap(([name, option]) => [
    ...spellings(name, option),
    ...(option.type === "boolean" ? [`--no-${name}`] : []),
  ]);
  const letters = typed.replace(/^-+/, "");
  const isLetter = (each: string) => each.toLowerCase() === `-${letters.toLowerCase()}`;
  // citty adds spellings in camel case.
  const words = [...new Set([...flags, "--help"])].filter((each) => /^--[^A-Z]*$/.test(each));
  const meant = letters.length === 1 ? flags.filter(isLetter) : closest(`--${letters}`, words);
  return new UsageError(`there is no option ${named}${didYouMean(meant)}`);
}

/** The message for a command that there is not. @param commands all that there are, of one word or two */
export function unknownCommand(name: string, commands: readonly string[]): string {
  const [, first, option] = /^(?:(\S+) )?(-.+)$/s.exec(name) ?? [];
  if (option !== undefined) {
    const [known = "cat"] = commands.filter((each) => first && each.startsWith(`${first} `));
    return `there is no command "${name}": options stand behind the command, as in  xs ${known} ${option}; xs help lists the commands`;
  }
  const [group = ""] = name.split(" ");
  const isInGroup = name !== group;
  const groups = commands.map((each) => each.split(" ")[0] ?? "");
  const candidates = isInGroup
    ? commands.filter((each) => each.startsWith(`${group} `))
    : [...new Set([...groups, ...commands, "help"])];
  const synonym = Object.hasOwn(SYNONYMS, name) ? SYNONYMS[name] : undefined;
  const meant = didYouMean(synonym === undefined ? closest(name, candidates) : [synonym]);
  return `there is no command "${name}"${meant || ";"} ${isInGroup ? `xs ${group} --help` : "xs help --all"} lists them`;
}

/** ": did you mean …?" with the names that are near to a word; empty where there is none. */
export function suggestion(word: string, names: readonly string[]): string {
  return didYouMean(closest(word, names));
}

function didYouMean(candidates: readonly string[]): string {
  return candidates.length === 0 ? "" : `: did you mean ${candidates.join(" or ")}?`;
}

/** The candidates nearest to a word, at most three: within a third of its letters, or that it begins. */
function closest(word: string, candidates: readonly string[]): string[] {
  const lower = word.toLowerCase();
  // Only the last word of a command of two was mistyped.
  const letters = lower.replace(/^-+|^.* /, "").length;
  if (letters === 0) return [];
  const rated = candidates.map((name) => ({ name, distance: distance(lower, name.toLowerCase()) }));
  const best = Math.min(...rated.map((each) => each.distance));
  const near = best <= Math.max(1, Math.floor(letters / 3));
  const found = near
    ? rated.filter((each) => each.distance === best).map(({ name }) => name)
    : candidates.filter((name) => letters > 2 && name.toLowerCase().startsWith(lower));
  return found.slice(0, 3);
}

/** How many letters to add, drop, change or swap with the next make one text of the other. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = isSwap ? (before[j - 2] ?? 0) + 1 : change;
      row[j] = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, change, swap);
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
