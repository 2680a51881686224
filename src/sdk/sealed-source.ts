import { SEALED_PREFIX } from "./ts/seal.ts";

/** The modules for which a sealed process has others: Bun lets no program change what they export. */
const SEALED =
  "bun|bun:ffi|bun:sqlite|ws|undici|(?:node:)?(?:child_process|cluster|dgram|dns|dns/promises|fs|fs/promises|http|http2|https|net|tls|worker_threads)";
const IMPORT = new RegExp(`(\\bfrom\\s*|\\bimport\\s*\\(?\\s*)(["'])(${SEALED})\\2`, "g");

/** The source of a script as a sealed process runs it. Lines stay where they are. */
export function sealedSource(source: string): string {
  const named = source.replace(
    IMPORT,
    (_, before: string, quote: string, name: string) =>
      `${before}${quote}${SEALED_PREFIX}${name.replace(/^node:/, "")}${quote}`,
  );
  return named.replace(/\bBun\s*\.\s*fetch\b/g, "fetch");
}
