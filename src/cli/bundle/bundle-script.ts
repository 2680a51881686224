import { readFileSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { XsError } from "../../core/error.ts";
import { isModule, MAX_TS_BYTES } from "../../sdk/language.ts";
import { cautions } from "./cautions.ts";
import { type Bundled, inputsOf, isPackage, packageOf, SCRIPT, shownPath } from "./inputs.ts";
import { checkMacros, refusingMacros } from "./macros.ts";
import { leftOutside, problemIn, refusal } from "./problems.ts";
import { withSources } from "./source-map.ts";

/** A script as it is stored. */
export interface BundledScript {
  /** The file as it is or, if it imports files or packages, one module with all of them. */
  readonly content: Uint8Array;
  /** Sentences about what works differently where the server runs it, each with its file and line. */
  readonly notes: readonly string[];
}

/**
 * Reads the file of a script. Of a TypeScript file it makes one module with all that the file imports, its own files and
 * packages. A source map at its end has the own files as they are and leads the places of errors to them. A file that
 * imports nothing but modules of Bun and Node.js, and a script in another language, stays as it is.
 *
 * @throws XsError `bad_request`, which names what cannot be bundled, with its file and line; the error of the read
 */
export async function bundleScript(path: string): Promise<BundledScript> {
  const file = realpathSync(path);
  const content = readFileSync(file);
  const text = content.toString();
  if (text.startsWith("#!") || !isModule(text)) return { content, notes: [] };
  const macros: string[] = [];
  const built = await build(file, text, macros);
  if (macros.length > 0) throw refusal(path, macros);
  const entry = built.outputs.find(({ kind }) => kind === "entry-point");
  if (!built.success || !entry) throw refusal(path, built.logs.map(problemIn));
  const code = await entry.text();
  const bundled = { entry: file, ...inputsOf(built.metafile, code) };
  const outside = leftOutside(bundled, built.outputs);
  if (outside.length > 0) throw refusal(path, outside);
  const notes = cautions(bundled);
  if (bundled.inputs.length === 1 && !/\.[jt]sx$/.test(file)) return { content, notes };
  const map = built.outputs.find(({ kind }) => kind === "sourcemap");
  const module = withSources(code, await map?.json(), bundled);
  checkSize(path, module, bundled);
  return { content: module, notes };
}

function build(file: string, text: string, macros: string[]) {
  const plugins = [refusingMacros(macros)];
  // By its extension, Bun would take another file for data.
  if (!SCRIPT.test(file)) plugins.push(asTypeScript(file, text, macros));
  return Bun.build({
    entrypoints: [file],
    target: "bun",
    format: "esm",
    sourcemap: "external",
    // What the environment has is that of the server, when the script runs.
    env: "disable",
    define: { "process.env.NODE_ENV": "process.env.NODE_ENV" },
    metafile: true,
    throw: false,
    plugins,
  });
}

function asTypeScript(file: string, contents: string, macros: string[]): Bun.BunPlugin {
  const escaped = basename(file).replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return {
    name: "script",
    setup(build) {
      build.onLoad({ filter: new RegExp(`${escaped}$`) }, ({ path }) => {
        if (path !== file) return undefined;
        checkMacros(path, contents, macros);
        return { contents, loader: "ts" };
      });
    },
  };
}

function checkSize(path: string, module: Uint8Array, { inputs }: Bundled): void {
  if (module.length <= MAX_TS_BYTES) return;
  const sizes = new Map<string, number>();
  for (const { file, bytes } of inputs) {
    const name = isPackage(file) ? packageOf(file) : shownPath(file);
    sizes.set(name, (sizes.get(name) ?? 0) + bytes);
  }
  const largest = [...sizes].sort(([, a], [, b]) => b - a).slice(0, 3);
  const named = largest.map(([name, bytes]) => `${name} has ${bytes.toLocaleString("en")}`);
  throw new XsError(
    "body_too_large",
    `${path} with all that it imports is ${module.length.toLocaleString("en")} bytes, and may be ${MAX_TS_BYTES.toLocaleString("en")}: ${named.join(", ")}`,
  );
}
