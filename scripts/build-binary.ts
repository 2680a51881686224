// Builds dist/xs for this machine; with --all also one executable for each released platform,
// with its checksum in the format `sha256sum --check` reads.
import { join } from "node:path";
import pkg from "../package.json" with { type: "json" };
import { licenses } from "./licenses.ts";

const root = join(import.meta.dir, "..");
/** The program, and what runs in threads of its own. */
const entries = [
  "main.ts",
  "store/sqlite/content/flush-worker.ts",
  "store/sqlite/content/read-worker.ts",
  "store/sqlite/verify/integrity-worker.ts",
  "store/sqlite/replica/copy-worker.ts",
  "store/sqlite/replica/scrub-worker.ts",
].map((path) => join(root, "src", path));
const dist = join(root, "dist");

// Bun fetches the runtime of another platform from the npm registry, in its own version.
const platforms: Record<string, Bun.Build.CompileTarget> = {
  "xs-linux-x64": "bun-linux-x64",
  "xs-linux-arm64": "bun-linux-arm64",
  "xs-darwin-arm64": "bun-darwin-arm64",
  "xs-darwin-x64": "bun-darwin-x64",
  "xs-windows-x64.exe": "bun-windows-x64",
};

async function build(name: string, target?: Bun.Build.CompileTarget): Promise<void> {
  const started = performance.now();
  const outfile = join(dist, name);
  await Bun.build({
    entrypoints: entries,
    // Side by side, so that the one finds the other by its name alone.
    naming: { entry: "[name].[ext]" },
    target: "bun",
    // ESM keeps top-level await; bytecode halves the start-up time.
    format: "esm",
    minify: true,
    // A command loads only what it needs: that halves its start, and the memory of each guard.
    splitting: true,
    bytecode: true,
    sourcemap: "none",
    // Not the form for development, which names each place in the source.
    jsx: { runtime: "automatic", importSource: "preact", development: false },
    define: {
      XS_VERSION: JSON.stringify(pkg.version),
      XS_LICENSES: JSON.stringify(licenses()),
    },
    compile: {
      ...(target && { target }),
      outfile,
      // A frame's metadata travels in a header, and the default limit is too small for it.
      execArgv: ["--max-http-header-size=131072"],
      // The files of whatever folder the user stands in must not change how xs runs.
      autoloadDotenv: false,
      autoloadBunfig: false,
    },
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const megabytes = (Bun.file(outfile).size / 1e6).toFixed(0);
  console.error(`dist/${name}: ${megabytes} MB in ${seconds} s`);
}

async function writeChecksum(name: string): Promise<void> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(join(dist, name)).stream()) hasher.update(chunk);
  await Bun.write(join(dist, `${name}.sha256`), `${hasher.digest("hex")}  ${name}\n`);
}

try {
  // Bun adds this ending on Windows by itself; we need the true name to tell the size.
  await build(process.platform === "win32" ? "xs.exe" : "xs");
  if (process.argv.includes("--all")) {
    for (const [name, target] of Object.entries(platforms)) {
      await build(name, target);
      await writeChecksum(name);
    }
  }
} catch (error) {
  // A failed bundle carries one error for each place in the source.
  for (const cause of error instanceof AggregateError ? error.errors : [error]) {
    console.error(Bun.inspect(cause));
  }
  process.exit(1);
}
