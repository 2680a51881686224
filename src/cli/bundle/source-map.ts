import { dirname, relative, resolve } from "node:path";
import { type Bundled, isPackage } from "./inputs.ts";

/** A source map (ECMA-426), as Bun makes it. */
interface SourceMap {
  readonly sources: readonly string[];
  readonly sourcesContent?: readonly (string | null)[];
  readonly mappings: string;
}

/**
 * Puts the source map of a bundle at its end. The names of the script's own files there are relative to the folder that
 * holds them all, and their contents are with them. Of packages it has only the names: they would be most of it.
 */
export function withSources(code: string, map: unknown, bundled: Bundled): Uint8Array {
  const { sources, sourcesContent = [], mappings } = map as SourceMap;
  const files = sources.map((source) => resolve(source));
  const own = [bundled.entry, ...files.filter((file) => !isPackage(file))];
  const folder = own.map((file) => dirname(file)).reduce(commonFolder);
  const kept = {
    version: 3,
    sources: files.map((file) => (isPackage(file) ? inPackages(file) : relative(folder, file))),
    sourcesContent: files.map((file, n) => (isPackage(file) ? "" : (sourcesContent[n] ?? ""))),
    mappings,
    names: [],
  };
  const base64 = Buffer.from(JSON.stringify(kept)).toString("base64");
  const lines = code.replace(/\n\/\/# debugId=.*\n*$/, "").trimEnd();
  return Buffer.from(`${lines}\n//# sourceMappingURL=data:application/json;base64,${base64}\n`);
}

function commonFolder(a: string, b: string): string {
  const [left, right] = [a.split("/"), b.split("/")];
  const differs = left.findIndex((part, n) => part !== right[n]);
  return differs < 0 ? a : left.slice(0, differs).join("/") || "/";
}

function inPackages(file: string): string {
  return file.slice(file.lastIndexOf("/node_modules/") + 1);
}
