import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { relative, resolve } from "node:path";

/** The names of files that Bun reads as JavaScript or TypeScript. */
export const SCRIPT = /\.[cm]?[jt]sx?$/;

/** A file that went into a bundle. */
export interface Input {
  /** Its absolute path. */
  readonly file: string;
  /** In bytes. */
  readonly bytes: number;
  readonly imports: readonly InputImport[];
}

/** An import in such a file. */
export interface InputImport {
  /** As the file names it. */
  readonly name: string;
  /** The absolute path of what it names, if that is in the bundle. */
  readonly file: string | undefined;
  /** `import-statement`, `dynamic-import`, `require-call` and so on. */
  readonly kind: string;
  /** What its attribute says that the file is, as in `with { type: "text" }`. */
  readonly type: string | undefined;
}

/** What a bundle was made of. */
export interface Bundled {
  /** The script, as an absolute path. */
  readonly entry: string;
  readonly inputs: readonly Input[];
  /** The imports that the bundle still has, without modules of Bun and Node.js. */
  readonly left: readonly { readonly name: string; readonly kind: string }[];
}

/**
 * Reads what Bun says about a bundle. Its paths are relative to the current folder.
 *
 * @param code the bundle
 */
export function inputsOf(
  metafile: Bun.BuildMetafile | undefined,
  code: string,
): Omit<Bundled, "entry"> {
  const inputs = Object.entries(metafile?.inputs ?? {}).map(([path, { bytes, imports }]) => ({
    file: resolve(path),
    bytes,
    imports: imports.map(({ path, kind, original, external, with: attributes }) => ({
      name: original ?? path,
      file: external || isBuilt(path) ? undefined : resolve(path),
      kind: String(kind),
      type: attributes?.type,
    })),
  }));
  // An import of types alone is in the list as well, and not in the bundle.
  const left = inputs
    .flatMap(({ imports }) => imports)
    .filter(({ name, file }) => file === undefined && !isBuilt(name) && imports(code, name));
  return { inputs, left };
}

/** Whether code imports something under this name. */
function imports(code: string, name: string): boolean {
  const quoted = JSON.stringify(name);
  return ["from ", "import ", "import(", "require("].some((before) =>
    code.includes(`${before}${quoted}`),
  );
}

function isBuilt(name: string): boolean {
  return isBuiltin(name) || /^(?:bun|node)(?::|$)/.test(name);
}

/** Whether a file belongs to a package that somebody installed. */
export function isPackage(file: string): boolean {
  return file.includes("/node_modules/");
}

/** The name of the package that a file belongs to. */
export function packageOf(file: string): string {
  const inside = file.slice(file.lastIndexOf("/node_modules/") + "/node_modules/".length);
  return inside
    .split("/")
    .slice(0, inside.startsWith("@") ? 2 : 1)
    .join("/");
}

/** A path for a message: from the current folder where it is below that. */
export function shownPath(file: string): string {
  const path = relative(process.cwd(), file);
  return path.startsWith("..") ? file : path;
}

/** Where the first import is that meets a condition, as the beginning of a message: `lib/a.ts:3: `. */
export function placeOf({ inputs }: Bundled, wanted: (one: InputImport) => boolean): string {
  for (const { file, imports } of inputs) {
    const found = imports.find(wanted);
    if (!found) continue;
    const lines = readFileSync(file, "utf8").split("\n");
    const at = lines.findIndex((line) => /["'`]/.test(line) && line.includes(found.name));
    return `${shownPath(file)}:${at < 0 ? "" : `${at + 1}:`} `;
  }
  return "";
}
