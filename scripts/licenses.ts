// The notices of all that is inside the binary, as `xs version --licenses` prints them.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import pkg from "../package.json" with { type: "json" };

const root = join(import.meta.dir, "..");

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const BUN = `Bun ${pkg.packageManager.split("@")[1]} (MIT), the runtime that xs is compiled with.
It links JavaScriptCore and WebKit (LGPL-2), TinyCC (LGPL-2.1), BoringSSL, ICU, SQLite and others.
Their list, their licenses, and how to link Bun with a changed WebKit:
https://github.com/oven-sh/bun/blob/main/LICENSE.md
The source of xs, and the script that links it with any Bun, are what you need to do the same for xs.`;

/** @throws Error where a package that is bundled comes without its license */
export function licenses(): string {
  const own = readFileSync(join(root, "LICENSE"), "utf8");
  const notices = packages().map(({ folder, name, version, license }) => {
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${name} has no license file in ${folder}`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8")}`;
  });
  return [`xs\n\n${own}`, BUN, ...notices].map((text) => text.trim()).join(`\n\n${RULE}\n\n`);
}

const RULE = "-".repeat(72);

/** The packages that package.json depends on, and those that they depend on, by name. */
function packages(): (Package & { readonly folder: string })[] {
  const found = new Map<string, Package & { readonly folder: string }>();
  const visit = (name: string, from: string): void => {
    const folder = folderOf(name, from);
    const info = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Package;
    const key = `${name} ${info.version}`;
    if (found.has(key)) return;
    found.set(key, { ...info, folder });
    for (const dependency of Object.keys(info.dependencies ?? {})) visit(dependency, folder);
  };
  for (const name of Object.keys(pkg.dependencies)) visit(name, root);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Where a package stands that another one imports: in its own node_modules, or above. */
function folderOf(name: string, from: string): string {
  const folder = join(from, "node_modules", name);
  try {
    readFileSync(join(folder, "package.json"));
    return folder;
  } catch (error) {
    if (from === root || from === "/") throw error;
    return folderOf(name, dirname(from));
  }
}
