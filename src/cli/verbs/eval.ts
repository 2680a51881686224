import { mkdtempDisposableSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkAddress } from "../../client/connect.ts";
import { absolutePath } from "../../core/absolute-path.ts";
import { XsError } from "../../core/error.ts";
import { settleStack } from "../../lib/error-stack.ts";
import { hideOwnPlaces } from "../../lib/own-places.ts";
import { findNu, isModule } from "../../sdk/language.ts";
import { LINES_NU, quotedNu, XS_NU } from "../../sdk/nu/files.ts";
import { DirectXs } from "../../sdk/ts/eval-xs.ts";
import { explain } from "../../sdk/ts/explain.ts";
import { jsonOf, settled } from "../../sdk/ts/json.ts";
import { connect } from "../kit/connect.ts";
import { readAll } from "../kit/input.ts";
import { BrokenPipe, writeOut } from "../kit/output.ts";
import { splitTarget, type Target } from "../kit/target.ts";
import { text, UsageError, type Verb } from "../kit/verb.ts";

export const evalVerb: Verb = {
  name: "eval",
  summary: "Run a script here, with access to the store, and print its result",
  positionals: "[ADDR] FILE|-",
  options: { command: text("SCRIPT", "the script itself", "c") },
  examples: [
    [
      "xs eval -c 'export default async (xs) => (await xs.last())?.topic'",
      "TypeScript: a module with a default export",
    ],
    ["xs eval -c '.cat | get topic | uniq --count'", "any other script is nushell"],
    ["xs eval ./store report.ts", "a file; - reads the script from stdin"],
  ],
  async run(input) {
    const given = input.options.get("command");
    const target =
      given === undefined ? splitTarget(input, 1, "FILE", "file") : splitTarget(input, 0);
    const [file = "-"] = target.rest;
    if (given !== undefined) return evaluate(target, given);
    if (file === "-") return evaluate(target, await readAll("a script"));
    const source = Bun.file(file);
    if (!(await source.exists())) throw new UsageError(`there is no file ${file}`);
    return evaluate(target, await source.text(), absolutePath(file));
  },
};

async function evaluate(target: Target, script: string, path?: string): Promise<void> {
  using folder = mkdtempDisposableSync(join(tmpdir(), "xs-eval-"));
  const write = (name: string, text: string) => {
    const file = join(folder.path, name);
    writeFileSync(file, text);
    return file;
  };
  if (isModule(script)) return await evaluateTs(target, path ?? write("script.ts", script));
  const file = path ?? write("script.nu", script);
  // A terminal shows nushell's tables, a pipe gets JSON lines.
  const lines = process.stdout.isTTY ? undefined : write("lines.nu", LINES_NU);
  await evaluateNu(target, file, write("xs.nu", XS_NU), lines);
}

async function evaluateTs(target: Target, file: string): Promise<void> {
  hideOwnPlaces();
  settleLoggedErrors();
  // An error in a promise that the script never awaits ends the script as well.
  const uncaught = Promise.withResolvers<never>();
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.removeAllListeners(event);
    process.on(event, (error: unknown) => uncaught.reject(error));
  }
  await using client = await connect(target.address, { create: true });
  const run = async () => {
    const { default: script } = (await import(file)) as { default: unknown };
    if (typeof script !== "function") throw new Error("the default export is not a function");
    await print(await script(new DirectXs((path, init) => client.request(path, init))));
  };
  try {
    await Promise.race([run(), uncaught.promise]);
  } catch (error) {
    if (error instanceof XsError || error instanceof BrokenPipe) throw error;
    throw new XsError("bad_request", explain(error));
  }
}

/** Settles each error that the script logs: Bun's console prints the source where it arose, which may be ours. */
function settleLoggedErrors(): void {
  for (const name of ["log", "info", "debug", "warn", "error"] as const) {
    // biome-ignore-start lint/suspicious/noConsole: it is the script's.
    const show = console[name].bind(console);
    console[name] = (...values: unknown[]) => {
      for (const value of values) settleWithin(value);
      show(...values);
    };
    // biome-ignore-end lint/suspicious/noConsole: it is the script's.
  }
}

/** The elements of a list that Bun's console prints. */
const MAX_LOGGED_ELEMENTS = 100;

/** Settles the errors in a value, as deep as the console prints it. */
function settleWithin(value: unknown, levels = 3): void {
  if (typeof value !== "object" || value === null) return;
  if (value instanceof Error) settleStack(value);
  if (levels === 0 || ArrayBuffer.isView(value)) return;
  // Descriptors, because reading a getter would run code of the script.
  const inside = Array.isArray(value) ? value.slice(0, MAX_LOGGED_ELEMENTS) : value;
  for (const { value: inner } of Object.values(Object.getOwnPropertyDescriptors(inside))) {
    settleWithin(inner, levels - 1);
  }
}

/** Prints a result: nothing for null, text and bytes unchanged, each item of an iterable, the rest as JSON lines. */
async function print(value: unknown): Promise<void> {
  if (value === undefined || value === null) return;
  if (value instanceof Uint8Array) return writeOut(value);
  if (typeof value === "object" && Symbol.asyncIterator in value) {
    for await (const each of value as AsyncIterable<unknown>) await print(each);
    return;
  }
  const text = typeof value === "string" ? value : jsonOf(await settled(value), "what it gives");
  await writeOut(`${text}\n`);
}

/** @param lines the module that prints for a pipe */
async function evaluateNu({ address }: Target, file: string, module: string, lines?: string) {
  checkAddress(address);
  const nu = findNu();
  const { selfEnvironment } = await import("../../processors/child/environment.ts");
  const [use, source] = [`use ${quotedNu(module)} *`, `source ${quotedNu(file)}`];
  const command =
    lines === undefined
      ? `${use}; ${source}`
      : `${use}; use ${quotedNu(lines)} *; def xs-eval-script [] { ${source} }; xs-eval-script | xs-eval-lines`;
  const child = Bun.spawn([nu, "--no-config-file", "--commands", command], {
    stdio: ["inherit", lines === undefined ? "inherit" : "pipe", "inherit"],
    env: {
      ...process.env,
      ...selfEnvironment(),
      XS_ADDR: "url" in address ? address.url : address.directory,
      ...("url" in address && address.token !== undefined && { XS_TOKEN: address.token }),
    },
  });
  const reader = child.stdout?.getReader();
  try {
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      await writeOut(next.value);
    }
  } catch (error) {
    // The reader of stdout is gone. End nushell before its pipe closes: it would print an error.
    endNushellsBelow(child.pid);
    child.kill();
    await child.exited;
    throw error;
  }
  const code = await child.exited;
  if (code !== 0) process.exit(code);
}

/** Ends the nushell that a wrapper such as npm's started: it passes no signal on. Needs a /proc that lists children. */
function endNushellsBelow(pid: number): void {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").match(/[0-9]+/g);
    const isNu = (child: string) => readFileSync(`/proc/${child}/comm`, "utf8") === "nu\n";
    for (const child of (children ?? []).filter(isNu)) process.kill(Number(child));
  } catch {
    // The wrapper has ended, or this system has no such file.
  }
}
