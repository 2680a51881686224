import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { XsError } from "../frame/error.ts";
import { DirectXs } from "../script/direct.ts";
import { explain } from "../script/explain.ts";
import { findNu, isModule } from "../script/language.ts";
import nuModule from "../script/xs.nu" with { type: "text" };
import { readAll } from "./input.ts";
import { writeOut } from "./output.ts";
import { splitTarget, type Target, withClient } from "./target.ts";
import { UsageError, type Verb } from "./verb.ts";

export const evalVerb: Verb = {
  name: "eval",
  summary: "Run a script here, with the store at hand, and print what it gives",
  positionals: "[ADDR] FILE|-",
  options: {
    command: { type: "string", alias: "c", valueHint: "SCRIPT", description: "the script itself" },
  },
  examples: [
    [
      "xs eval -c 'export default async (xs) => (await xs.last())?.topic'",
      "TypeScript: a module with a default export",
    ],
    ["xs eval -c '.cat | get topic | uniq --count'", "anything else is nushell"],
    ["xs eval ./store report.ts", "a file; - is standard input"],
  ],
  async run({ positionals, options }) {
    const given = options.get("command");
    const target = splitTarget(positionals, given === undefined ? 1 : 0, "FILE");
    const [file = "-"] = target.rest;
    if (given !== undefined) return evaluate(target, given);
    if (file === "-") return evaluate(target, await readAll());
    const source = Bun.file(file);
    if (!(await source.exists())) throw new UsageError(`there is no file ${file}`);
    return evaluate(target, await source.text(), resolve(file));
  },
};

async function evaluate(target: Target, script: string, path?: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "xs-eval-"));
  const write = (name: string, text: string) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  try {
    if (isModule(script)) await evaluateTs(target, path ?? write("script.ts", script));
    else await evaluateNu(target, path ?? write("script.nu", script), write("xs.nu", nuModule));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function evaluateTs(target: Target, file: string): Promise<void> {
  await withClient(target, { create: true }, async (client) => {
    try {
      const { default: script } = (await import(file)) as { default: unknown };
      if (typeof script !== "function") throw new Error("the default export is not a function");
      await print(await script(new DirectXs((path, init) => client.request(path, init))));
    } catch (error) {
      if (error instanceof XsError || (error as Error).name === "BrokenPipe") throw error;
      throw new XsError("bad_request", explain(error));
    }
  });
}

/** Nothing, text and bytes as they are, what comes one by one a line each, the rest as JSON. */
async function print(value: unknown): Promise<void> {
  if (value === undefined || value === null) return;
  if (value instanceof Uint8Array) return writeOut(value);
  if (typeof value === "object" && Symbol.asyncIterator in value) {
    for await (const each of value as AsyncIterable<unknown>) await print(each);
    return;
  }
  await writeOut(`${typeof value === "string" ? value : JSON.stringify(value)}\n`);
}

async function evaluateNu({ address }: Target, file: string, module: string): Promise<void> {
  const nu = findNu();
  const { searchPath } = await import("../processors/process.ts");
  const command = `use ${JSON.stringify(module)} *; source ${JSON.stringify(file)}`;
  const child = Bun.spawn([nu, "--no-config-file", "--commands", command], {
    stdio: ["inherit", "inherit", "inherit"],
    env: {
      ...process.env,
      PATH: searchPath(),
      ...("url" in address
        ? { XS_ADDR: address.url, ...(address.token !== undefined && { XS_TOKEN: address.token }) }
        : { XS_ADDR: address.directory }),
    },
  });
  const code = await child.exited;
  if (code !== 0) process.exit(code);
}
