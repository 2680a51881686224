import { readFileSync } from "node:fs";
import { extname } from "node:path";
import { quoted } from "../../core/error.ts";
import { SCRIPT, shownPath } from "./inputs.ts";

/** Blanks and comments, which may stand between any two words. */
const GAP = String.raw`(?:\s|/\*[\s\S]*?\*/|//.*)*`;
const TEXT = String.raw`"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'`;
/** A name of a module, and the attributes of its import. */
const ATTRIBUTES = new RegExp(
  `(${TEXT})${GAP}(?:with|assert)${GAP}\\{((?:${TEXT}|/\\*[\\s\\S]*?\\*/|//.*|[^}])*)\\}`,
  "g",
);

/**
 * Stops a bundle before Bun takes in a file that imports a macro, because Bun would run the macro at once, with all that
 * the person who bundles may do.
 *
 * @param problems gets a sentence for each of these imports, with its file and line
 */
export function refusingMacros(problems: string[]): Bun.BunPlugin {
  return {
    name: "macros",
    setup(build) {
      build.onLoad({ filter: SCRIPT }, ({ path }) => {
        checkMacros(path, readFileSync(path, "utf8"), problems);
        return undefined;
      });
    },
  };
}

/** Looks for macros in one file. @param problems as in {@link refusingMacros} @throws Error if there is one */
export function checkMacros(path: string, source: string, problems: string[]): void {
  const found = macrosIn(path, source);
  if (found.length === 0) return;
  for (const { name, line } of found) {
    problems.push(
      `${shownPath(path)}:${line}: ${quoted(name)} is imported as a macro, which would run now, while the script is bundled: import it without the attribute, and it runs with the script`,
    );
  }
  throw new Error(`${path} imports a macro`);
}

function macrosIn(path: string, source: string): { name: string; line: number }[] {
  // A macro has this word in its import, unless it is written with escapes.
  if (!source.includes("macro") && !source.includes("\\")) return [];
  const found: { name: string; at: number }[] = [];
  for (const { 1: name = "", 2: attributes = "", index } of source.matchAll(ATTRIBUTES)) {
    // Bun reads escapes, and nobody needs them there.
    if (/macro|\\/.test(attributes)) found.push({ name: unquoted(name), at: index });
  }
  for (const { index, 0: name } of source.matchAll(/(["'])(?:macro|[^"'\s]*\\)[^"'\n]*\1/g)) {
    if (unquoted(name).startsWith("macro:")) found.push({ name: unquoted(name), at: index });
  }
  if (found.length === 0) return [];
  // The same words may stand in a comment or a text.
  const imported = importsIn(path, source);
  return found
    .filter(({ name }) => imported === undefined || imported.has(name))
    .map(({ name, at }) => ({ name, line: source.slice(0, at).split("\n").length }));
}

/** The names that a file imports; undefined where it cannot be read. Runs no macro. */
function importsIn(path: string, source: string): ReadonlySet<string> | undefined {
  const { 0: kind = "ts" } = /[jt]sx?$/.exec(extname(path)) ?? [];
  try {
    const transpiler = new Bun.Transpiler({ loader: kind as "ts" });
    return new Set(transpiler.scanImports(source).map(({ path }) => path));
  } catch {
    return undefined;
  }
}

/** The value of a literal in quotes. */
function unquoted(literal: string): string {
  return literal
    .slice(1, -1)
    .replace(
      /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|u\{([0-9a-f]{1,6})\}|([\s\S]))/gi,
      (_, two?: string, four?: string, any?: string, plain?: string) =>
        plain ?? String.fromCodePoint(Number.parseInt(two ?? four ?? any ?? "0", 16)),
    );
}
