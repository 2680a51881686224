import { writeOut } from "../kit/output.ts";
import type { Verbs } from "../kit/verb.ts";
import { candidatesFor, NONE } from "./candidates.ts";
import { contextOf } from "./context.ts";
import { quotedForBash, splitLine, type TypedWord } from "./shell-line.ts";

/**
 * The command that the completion scripts call:
 *
 *     xs __complete bash LINE BREAKS       the line up to the cursor, and COMP_WORDBREAKS
 *     xs __complete zsh|fish WORD… CURRENT the words after xs, without quotes; the last one as it was typed
 *
 * It prints the kind of paths that the shell adds where there are no words (none, files or folders), then a word a
 * line: for bash as it goes into the line, for the others in whole and without quotes. Names with control characters
 * are left out: nobody can see what they are.
 */
export async function complete(args: readonly string[], verbs: Verbs): Promise<number> {
  const [shell, ...typed] = args;
  const line = shell === "bash" ? bashLine(typed) : { ...plainLine(typed), isRedirect: false };
  const { words, current, isRedirect } = line;
  const found = isRedirect
    ? { ...NONE, paths: "files" }
    : await find(words.slice(1), current.text, verbs);
  const shown = found.words.filter(
    (word) => word.startsWith(current.text) && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]/u.test(word),
  );
  const printed =
    shell === "bash" ? shown.flatMap((word) => quotedForBash(word, current) ?? []) : shown;
  await writeOut(`${[found.paths, ...printed].join("\n")}\n`);
  return 0;
}

function bashLine([line = "", breaks = ""]: readonly string[]) {
  const typed = splitLine(line, breaks.replace(/[\s"']/g, ""));
  // Assignments may stand before the command.
  const first = typed.words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word));
  return { ...typed, words: typed.words.slice(Math.max(first, 0)) };
}

function plainLine(words: readonly string[]): { words: string[]; current: TypedWord } {
  const { current } = splitLine(words.at(-1) ?? "");
  return { words: ["xs", ...words.slice(0, -1)], current };
}

async function find(words: readonly string[], current: string, verbs: Verbs) {
  const context = await contextOf(words, current, verbs);
  if ("words" in context) return { words: context.words, paths: "none" };
  const { words: values, paths } = await candidatesFor(context);
  return { words: values.map((value) => context.before + value), paths };
}
