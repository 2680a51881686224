import { basename, extname } from "node:path";
import { quoted, XsError } from "../../core/error.ts";
import { type Bundled, packageOf, placeOf, shownPath } from "./inputs.ts";

/** The most problems that a message names. */
const MAX_NAMED = 10;

/** Why the files of these kinds are not part of a module. */
const KINDS: Readonly<Record<string, string>> = {
  ".node": "is a native addon, which runs only as a file: use what is written in JavaScript",
  ".wasm": "is WebAssembly, which stays a file: read it when the script runs, by an absolute path",
  ".css": 'is a style sheet: import it as text, with { type: "text" }',
  ".html": 'is a page: import it as text, with { type: "text" }',
  ".sqlite": "is a database: open it when the script runs, by an absolute path",
};

/** The error for a script that cannot be bundled. */
export function refusal(path: string, problems: readonly string[]): XsError {
  const named = [...new Set(problems)];
  const shown = named.slice(0, MAX_NAMED);
  if (named.length > MAX_NAMED) shown.push(`and ${named.length - MAX_NAMED} more`);
  const [first = "it does not say why", ...more] = shown;
  const list = more.length === 0 ? ` ${first}` : ["", ...shown].join("\n  ");
  return new XsError("bad_request", `${path} cannot be bundled:${list}`);
}

/** Says what Bun found wrong, with its place. */
export function problemIn(log: BuildMessage | ResolveMessage): string {
  const { position } = log;
  // What JSX imports has no place.
  const at = position && position.line > 0 ? `${position.line}:${position.column}: ` : " ";
  const place = position ? `${shownPath(position.file)}:${at}` : "";
  const { specifier } = log as Partial<ResolveMessage>;
  if (specifier === undefined) return `${place}${log.message}`;
  return `${place}${missing(specifier)}`;
}

function missing(name: string): string {
  if (/^[./]/.test(name)) return `there is no file ${quoted(name)}`;
  const owner = packageOf(`/node_modules/${name}`);
  return `there is no package ${quoted(owner)}: install it where the script is, as  npm install ${owner}  does`;
}

/** Names all that a bundle needs and does not have: imports that it still has, and files beside it. */
export function leftOutside(bundled: Bundled, outputs: readonly Bun.BuildArtifact[]): string[] {
  const problems = bundled.left
    .filter(({ kind }) => kind !== "dynamic-import")
    .map(({ name }) => {
      const why = name.includes("://")
        ? "is an address: keep the file beside the script, or install the package"
        : (KINDS[extname(name)] ?? "is not in the bundle");
      return `${placeOf(bundled, (one) => one.name === name)}${quoted(name)} ${why}`;
    });
  // Bun makes no output of an empty one.
  for (const { imports } of bundled.inputs) {
    for (const { file = "", type } of imports) {
      if (type === undefined && extname(file) === ".node") problems.push(inFile(bundled, file));
    }
  }
  for (const { kind, path } of outputs) {
    if (kind === "entry-point" && path.endsWith(".js") && !isOfPage(bundled)) continue;
    if (kind === "sourcemap") continue;
    const extension = extname(path);
    const stem = basename(path, extension);
    const files = bundled.inputs.map(({ file }) => file);
    const beside = files.filter((file) => extname(file) === extension);
    const found = beside.filter((file) => stem.startsWith(basename(file, extension)));
    for (const file of found.length > 0 ? found : beside) problems.push(inFile(bundled, file));
  }
  return problems;
}

/** Says where a file that cannot be in a bundle is imported, and why it cannot. */
function inFile(bundled: Bundled, file: string): string {
  const why = KINDS[extname(file)] ?? 'stays a file: import it as text, with { type: "text" }';
  return `${placeOf(bundled, (one) => one.file === file)}${quoted(shownPath(file))} ${why}`;
}

function isOfPage({ inputs }: Bundled): boolean {
  return inputs.some(({ imports }) => imports.some(({ kind }) => kind === "html_manifest"));
}
