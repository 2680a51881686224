// Loaded before the program, under the runtime alone: writes down what a command loads, and whether it touches what is
// costly to make, into the file that XS_LOADS names.

import { writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { plugin } from "bun";

const root = join(import.meta.dir, "../..");
const loads = new Set<string>();
const transpiler = new Bun.Transpiler({ loader: "ts" });

plugin({
  name: "record loads",
  setup(build) {
    build.onLoad({ filter: /\.(ts|mjs|js)$/ }, async ({ path }) => {
      const contents = await Bun.file(path).text();
      loads.add(relative(root, path));
      for (const { path: name, kind } of transpiler.scanImports(contents)) {
        if (kind === "import-statement" && /^(node|bun):/.test(name)) loads.add(name);
      }
      return { contents, loader: path.endsWith(".ts") ? "ts" : "js" };
    });
  },
});

const { getBuiltinModule } = process;
process.getBuiltinModule = ((name: string) => {
  loads.add(name);
  return getBuiltinModule.call(process, name);
}) as typeof getBuiltinModule;

// The runtime makes a stream when it is asked for one, and loads what that needs.
for (const name of ["stdin", "stdout", "stderr"] as const) {
  const { get } = Object.getOwnPropertyDescriptor(process, name) ?? {};
  Object.defineProperty(process, name, {
    configurable: true,
    get() {
      loads.add(`process.${name}`);
      return get?.call(process);
    },
  });
}

process.on("exit", () => writeFileSync(`${process.env.XS_LOADS}`, [...loads].sort().join("\n")));
