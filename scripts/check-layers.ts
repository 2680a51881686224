// Fails when a file under src/ imports against the direction
// main -> cli -> {api, client, processors, gateway, ui, nodes} -> {sdk, store} -> net -> core -> lib,
// when a file outside an engine of the store imports a part of it, when files import each other in a circle, types
// included, or when a file re-exports everything of another.
import { dirname, join, relative, sep } from "node:path";

const root = join(import.meta.dir, "..");

/** What every room above them may import. */
const BELOW = ["net", "core", "lib"];

/** For each room: the other rooms that it may import. A file directly under src/ counts as a room. */
const allowed: Record<string, string[]> = {
  // The program is also what runs beside its server: the guard, the runner of scripts, the search.
  main: ["cli", "processors", "sdk", "store", ...BELOW],
  // The one place that puts the server side together.
  "cli/verbs/serve": [
    "cli",
    "api",
    "client",
    "processors",
    "gateway",
    "ui",
    "nodes",
    "sdk",
    "store",
    ...BELOW,
  ],
  cli: ["client", "processors", "ui", "sdk", "store", ...BELOW],
  // With no server it answers by the API on the store itself.
  client: ["api", "processors", "sdk", "store", ...BELOW],
  api: ["store", ...BELOW],
  processors: ["sdk", "store", ...BELOW],
  // What a script is given of a store: over the API, wherever the script runs.
  sdk: [...BELOW],
  // It refuses as the API does: one table of errors, one meaning of a body that breaks off.
  gateway: ["api", "store", ...BELOW],
  ui: ["ui/page", "api", "store", ...BELOW],
  // What runs in the browser.
  "ui/page": ["core", "lib"],
  // One machine of several of a store.
  nodes: ["store", ...BELOW],
  store: [...BELOW],
  net: ["core", "lib"],
  core: ["lib"],
  lib: [],
  version: [],
};

/** What any room may import. */
const FOR_ALL = ["src/version.ts"];

/** What knows how a store is kept. Outside it there is only the port, `store/*.ts`. */
const ENGINE = "src/store/sqlite/";
/** What makes one directory of several of a store is made for this engine. */
const NODES = "src/nodes/";
/** The files that may import a part of the engine, each with that part: they open a store, are the process of the search, or write its records as bytes. */
const OPENERS: Record<string, string> = {
  "src/cli/verbs/serve.ts": `${ENGINE}open.ts`,
  "src/client/connect.ts": `${ENGINE}open.ts`,
  "src/client/query.ts": `${ENGINE}sql/open-snapshot.ts`,
  "src/main.ts": `${ENGINE}search/process.ts`,
  "src/store/journal/effect-codec.ts": `${ENGINE}commit/record.ts`,
  "src/store/journal/record-codec.ts": `${ENGINE}commit/record.ts`,
};

function roomOf(file: string): string {
  if (file === "src/cli/verbs/serve.ts") return "cli/verbs/serve";
  if (file.startsWith("src/ui/page/")) return "ui/page";
  const [, first = "", ...rest] = file.split("/");
  return rest.length > 0 ? first : first.replace(/\.ts$/, "");
}

// The formatter puts every static import and re-export at the start of a line.
const staticImport =
  /^(?:import|export)\s+(?:type\s)?(?:[\w$*{}\s,]*?\bfrom\s*|(?=["']))["']([^"'\n]+)["']/gm;
// This form is also how a type is imported in place: `import("./frame.ts").Frame`.
const inlineImport = /\bimport\(\s*["']([^"'\n]+)["']/g;
const exportAll = /^export\s+(?:type\s+)?\*/m;
const commentLine = /^\s*(?:\*|\/\/|\/\*).*$/gm;

const transpilers = {
  ts: new Bun.Transpiler({ loader: "ts" }),
  tsx: new Bun.Transpiler({ loader: "tsx" }),
};

/** The files that a file imports, of types as well: a circle of types is one for whoever reads it. */
function importsOf(file: string, source: string): string[] {
  const code = source.replace(commentLine, "");
  const paths = [
    ...[...code.matchAll(staticImport), ...code.matchAll(inlineImport)].map(
      ([, path = ""]) => path,
    ),
    // The parser drops types but knows for sure what is loaded at run time.
    ...transpilers[file.endsWith(".tsx") ? "tsx" : "ts"]
      .scanImports(source)
      .map(({ path }) => path),
  ];
  const targets = paths
    .filter((path) => path.startsWith("."))
    .map((path) => relative(root, join(root, dirname(file), path)).replaceAll(sep, "/"));
  return [...new Set(targets)];
}

function layerViolations(file: string, imports: readonly string[]): string[] {
  const rooms = allowed[roomOf(file)];
  if (!rooms) return [`${file}: no layer is known for this place`];
  const violations: string[] = [];
  for (const target of imports) {
    if (FOR_ALL.includes(target)) continue;
    // The version number lives in package.json; nothing else outside src/ is part of the program.
    if (file === "src/version.ts" && target === "package.json") continue;
    if (target.startsWith(ENGINE) && !file.startsWith(ENGINE) && !file.startsWith(NODES)) {
      if (OPENERS[file] !== target) {
        violations.push(
          `${file}: only the engine imports ${target}; use its interface in src/store/`,
        );
      }
    }
    const to = target.startsWith("src/") ? roomOf(target) : target;
    const serveFromCli = to === "cli/verbs/serve" && roomOf(file) === "cli";
    if (to !== roomOf(file) && !rooms.includes(to) && !serveFromCli) {
      violations.push(`${file}: ${roomOf(file)} must not import ${target}`);
    }
  }
  return violations;
}

/** Walks depth first and reports each circle once, where it closes. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
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
    for (const target of graph.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return found;
}

const graph = new Map<string, string[]>();
const violations: string[] = [];
const files = [...new Bun.Glob("src/**/*.{ts,tsx}").scanSync(root)].map((file) =>
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
