import { readFileSync } from "node:fs";
import { quoted } from "../../core/error.ts";
import { type Bundled, isPackage, placeOf, SCRIPT, shownPath } from "./inputs.ts";

/** What in a source works only where its file is. Comments are cut off before. */
const CAUTIONS: readonly (readonly [pattern: RegExp, why: string])[] = [
  [
    /(?<![\w$.])(?:import|require)\s*\(\s*(?!["'`\s)])|(?<![\w$.])(?:import|require)\s*\(\s*`[^`]*\$\{/,
    "imports by a name that is made when it runs, so no file for it is in the bundle: write the names out",
  ],
  [
    /(?<![\w$])import\.meta\.(?:dir|dirname|file|filename|path|url)\b|(?<![\w$.])__(?:dirname|filename)\b/,
    'names its own place, and runs from another folder: import what lies beside it, a text with { type: "text" }',
  ],
  [
    /\bnew\s+Worker\s*\(\s*["'`]/,
    "starts a worker from a file, which is not in the bundle: use an absolute path",
  ],
];

/** Sentences about what in the script's own files does not work as it would where they are. */
export function cautions(bundled: Bundled): string[] {
  const { inputs, left } = bundled;
  const notes: string[] = [];
  for (const { file } of inputs) {
    if (isPackage(file) || !SCRIPT.test(file)) continue;
    const lines = withoutComments(readFileSync(file, "utf8")).split("\n");
    for (const [pattern, why] of CAUTIONS) {
      const at = lines.findIndex((line) => pattern.test(line));
      if (at >= 0) notes.push(`${shownPath(file)}:${at + 1}: it ${why}`);
    }
  }
  for (const { name } of left) {
    const place = placeOf(bundled, (one) => one.name === name);
    notes.push(
      `${place}${quoted(name)} is not there, so an import() of it fails when the script runs`,
    );
  }
  return notes;
}

/** Blanks comments out, line by line. A text that looks like a comment is blanked too: it only costs a note. */
function withoutComments(source: string): string {
  return source
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ""))
    .replace(/(^|\s)\/\/.*$/gm, "$1");
}
