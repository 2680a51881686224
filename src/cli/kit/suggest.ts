import type { ArgsDef } from "citty";
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
};

/**
 * The error for an option that a verb does not have.
 *
 * @param flag the option that is unknown; a letter, where several stand behind one dash
 * @param word the whole argument, as it was typed
 */
export function unknownOption(flag: string, word: string, options: ArgsDef): UsageError {
  const [typed = flag] = word.split("=");
  const named = typed.startsWith("-") && typed !== flag ? `${flag} (in ${typed})` : flag;
  if (/^-[0-9.]/.test(word)) {
    return new UsageError(
      `there is no option ${flag}: what begins with - and is no option stands behind --, as in  -- ${word}`,
    );
  }
  const flags = Object.entries(options).flatMap(([name, option]) => [
    ...spellings(name, option),
    ...(option.type === "boolean" ? [`--no-${name}`] : []),
  ]);
  const found = closest(typed.replace(/^-*/, "--"), [...new Set([...flags, "--help"])]);
  const short = flags.find((each) => each === `-${flag.replace(/^-+/, "")}`);
  return new UsageError(`there is no option ${named}${didYouMean(short ? [short] : found)}`);
}

/** A question that names the commands that are spelt nearly so; empty for none. */
export function meantCommand(word: string, commands: readonly string[]): string {
  const synonym = SYNONYMS[word];
  return didYouMean(synonym === undefined ? closest(word, commands) : [synonym]);
}

function didYouMean(candidates: readonly string[]): string {
  return candidates.length === 0 ? "" : `: did you mean ${candidates.join(" or ")}?`;
}

/** The candidates nearest to a word, at most three: within a third of its letters, or that it begins. */
function closest(word: string, candidates: readonly string[]): string[] {
  const lower = word.toLowerCase();
  const letters = lower.replace(/^-+/, "").length;
  if (letters === 0) return [];
  const rated = candidates.map((name) => ({ name, distance: distance(lower, name.toLowerCase()) }));
  const best = Math.min(...rated.map((each) => each.distance));
  const near = best <= Math.max(1, Math.floor(letters / 3));
  const found = near
    ? rated.filter((each) => each.distance === best).map(({ name }) => name)
    : candidates.filter((name) => letters > 1 && name.toLowerCase().startsWith(lower));
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
