// Fails when a file under src/ imports against the direction
// main -> cli -> {api, client, processors, gateway, ui} -> {store, script} -> frame,
// when files import each other in a circle, or when a file re-exports everything of another.
import { dirname, join, relative, sep } from "node:path";

const root = join(import.meta.dir, "..");

/** The rooms a room may import. A file directly under src/ is a room of its own. */
const allowed: Record<string, string[]> = {
  // The program is also what runs beside its server: the guard and the runner of scripts.
  main: ["cli", "processors", "frame"],
  // The one place that puts the server side together.
  "cli/serve": ["cli", "api", "client", "processors", "gateway", "ui", "script", "store", "frame"],
  cli: ["cli", "client", "processors", "script", "frame"],
  // It uses api and store to serve a store in its own process.
  client: ["client", "api", "processors", "script", "store", "frame"],
  api: ["api", "store", "frame"],
  processors: ["processors", "script", "store", "frame"],
  // What a script is given of a store: over the API, wherever the script runs.
  script: ["script", "frame"],
  // It refuses as the API does: one table of errors, one meaning of a body that breaks off.
  gateway: ["gateway", "api", "store", "frame"],
  ui: ["ui", "store", "frame"],
  store: ["store", "frame"],
  frame: ["frame"],
  version: [],
  libc: [],
  "descriptor-limit": [],
};

/** What any room may import: they know nothing of xs. */
const FOR_ALL = ["src/version.ts", "src/libc.ts", "src/descriptor-limit.ts"];

interface Import {
  readonly target: string;
  /** False for a type-only import, which is gone at run time and cannot close a circle. */
  readonly value: boolean;
}

function roomOf(file: string): string {
  if (file === "src/cli/serve.ts") return "cli/serve";
  const [, first = "", ...rest] = file.split("/");
  return rest.length > 0 ? first : first.replace(/\.ts$/, "");
}

// The formatter puts every static import and re-export at the start of a line.
const staticImport =
  /^(?:import|export)\s+(type\s)?(?:[\w$*{}\s,]*?\bfrom\s*|(?=["']))["']([^"'\n]+)["']/gm;
// This form is also how a type is imported in place: `import("./frame.ts").Frame`.
const inlineImport = /\bimport\(\s*["']([^"'\n]+)["']/g;
const exportAll = /^export\s+(?:type\s+)?\*/m;
const commentLine = /^\s*(?:\*|\/\/|\/\*).*$/gm;

const transpiler = new Bun.Transpiler({ loader: "ts" });

function importsOf(file: string, source: string): Import[] {
  const code = source.replace(commentLine, "");
  const found: { path: string; value: boolean }[] = [];
  for (const [, type, path = ""] of code.matchAll(staticImport)) {
    found.push({ path, value: type === undefined });
  }
  for (const [, path = ""] of code.matchAll(inlineImport)) found.push({ path, value: false });
  // The parser drops types but knows for sure what is loaded at run time.
  for (const { path } of transpiler.scanImports(source)) found.push({ path, value: true });

  const merged = new Map<string, boolean>();
  for (const { path, value } of found) {
    if (!path.startsWith(".")) continue;
    const target = relative(root, join(root, dirname(file), path)).replaceAll(sep, "/");
    merged.set(target, value || (merged.get(target) ?? false));
  }
  return [...merged].map(([target, value]) => ({ target, value }));
}

function layerViolations(file: string, imports: Import[]): string[] {
  const rooms = allowed[roomOf(file)];
  if (!rooms) return [`${file}: no layer is known for this place`];
  const violations: string[] = [];
  for (const { target } of imports) {
    if (FOR_ALL.includes(target)) continue;
    // The version number lives in package.json; nothing else outside src/ is part of the program.
    if (file === "src/version.ts" && target === "package.json") continue;
    const to = target.startsWith("src/") ? roomOf(target) : target;
    const serveFromCli = to === "cli/serve" && rooms.includes("cli");
    if (!rooms.includes(to) && !serveFromCli) {
      violations.push(`${file}: ${roomOf(file)} must not import ${target}`);
    }
  }
  return violations;
}

/** Walks depth first and reports each circle once, where it closes. */
function cycles(graph: Map<string, Import[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const start = path.indexOf(file);
    if (start >= 0) {
      found.push(`import cycle: ${[...path.slice(start), file].join(" -> ")}`);
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const { target, value } of graph.get(file) ?? []) if (value) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return found;
}

const graph = new Map<string, Import[]>();
const violations: string[] = [];
const files = [...new Bun.Glob("src/**/*.ts").scanSync(root)].map((file) =>
  file.replaceAll(sep, "/"),
);
for (const file of files.sort()) {
  const source = await Bun.file(join(root, file)).text();
  const imports = importsOf(file, source);
  graph.set(file, imports);
  violations.push(...layerViolations(file, imports));
  if (exportAll.test(source)) violations.push(`${file}: export * hides what a file offers`);
}
violations.push(...cycles(graph));
if (files.length === 0) violations.push("src: no files found to check");

for (const violation of violations) console.error(violation);
if (violations.length > 0) process.exit(1);
console.log(`layers: ${files.length} files, no violation`);
