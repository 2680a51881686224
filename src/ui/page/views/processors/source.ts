import { bytesOf } from "../../lib/base64.ts";

/** A script, as its spawn has it. */
export interface Source {
  /** The files that a person wrote; one without a name where the script is no bundle. */
  readonly files: readonly SourceFile[];
  /** The names of packages that the bundle has with them; undefined where the script is no bundle. */
  readonly packages: readonly string[] | undefined;
  /** What runs, without the map. */
  readonly module: string;
}

/** A file of a script. */
export interface SourceFile {
  readonly name: string;
  readonly text: string;
}

const MAP =
  /\n\/\/# sourceMappingURL=data:application\/json[^,\n]{0,80};base64,([A-Za-z0-9+/=]+)\s*$/;

/** Finds the files of a script in the source map at its end, if `xs handler add` has put one there. */
export function sourceOf(script: string): Source {
  const plain = { files: [{ name: "", text: script }], packages: undefined, module: script };
  // The map is one line, the last: a search in all of the script would be slow.
  const at = script.lastIndexOf("\n//# sourceMappingURL=");
  const [, base64] = at < 0 ? [] : (MAP.exec(script.slice(at)) ?? []);
  if (base64 === undefined) return plain;
  try {
    const map: unknown = JSON.parse(new TextDecoder().decode(bytesOf(base64)));
    const { sources, sourcesContent } = Object(map) as Record<string, unknown>;
    if (!Array.isArray(sources) || !Array.isArray(sourcesContent)) return plain;
    const named = sources.map((name, n) => ({ name: String(name), text: sourcesContent[n] }));
    const isOwn = ({ name, text }: { name: string; text: unknown }) =>
      typeof text === "string" && text !== "" && !name.startsWith("node_modules/");
    const files = named.filter(isOwn) as SourceFile[];
    if (files.length === 0) return plain;
    const packages = new Set(named.flatMap(({ name }) => packageIn(name)));
    // The bundler puts what a file imports before it.
    return { files: files.reverse(), packages: [...packages].sort(), module: script.slice(0, at) };
  } catch {
    return plain;
  }
}

function packageIn(name: string): string[] {
  const [, found] = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(name) ?? [];
  return found === undefined ? [] : [found];
}
