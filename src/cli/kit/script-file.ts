import { statSync } from "node:fs";
import { basename, extname } from "node:path";
import type { Runtime } from "../../processors/lifecycle/options.ts";
import { readAll } from "./input.ts";
import { messages } from "./messages.ts";
import { UsageError } from "./verb.ts";

const RUNTIMES: Readonly<Record<string, Runtime>> = {
  ".ts": "ts",
  ".mts": "ts",
  ".js": "ts",
  ".mjs": "ts",
  ".nu": "nu",
  ".sh": "sh",
};

/** Programs that run scripts whose first line has to name them. */
const INTERPRETERS: Readonly<Record<string, string>> = {
  ".py": "python3",
  ".rb": "ruby",
  ".pl": "perl",
  ".lua": "lua",
  ".php": "php",
  ".fish": "fish",
  ".zsh": "zsh",
  ".bash": "bash",
};

/** A script for a processor, and its runtime where the name of its file says so. */
export interface Script {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly runtime?: Runtime;
}

/**
 * Reads the script of a command line. What a file in TypeScript imports comes with it.
 *
 * @param file "-" is standard input
 * @param hasRuntime the command line names the runtime
 * @throws UsageError, and as `bundleScript` does
 */
export async function readScript(file: string, hasRuntime: boolean): Promise<Script> {
  const bytes =
    file === "-" ? new TextEncoder().encode(await readAll("a script")) : await read(file);
  const where = file === "-" ? "standard input" : file;
  if (bytes.length === 0) throw new UsageError(`${where} is empty: it has to be a script`);
  const isProgram = bytes[0] === 0x23 && bytes[1] === 0x21;
  if (file === "-" || hasRuntime || isProgram) return { bytes };
  const extension = extname(file).toLowerCase();
  const interpreter = Object.hasOwn(INTERPRETERS, extension) ? INTERPRETERS[extension] : undefined;
  if (interpreter !== undefined) {
    throw new UsageError(
      `${basename(file)} does not say what runs it: begin it with the line  #!/usr/bin/env ${interpreter}`,
    );
  }
  const runtime = Object.hasOwn(RUNTIMES, extension) ? RUNTIMES[extension] : undefined;
  return { bytes, ...(runtime && { runtime }) };
}

async function read(file: string): Promise<Uint8Array<ArrayBuffer>> {
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) throw new UsageError(`there is no file ${file}`);
  if (found.isDirectory()) throw new UsageError(`${file} is a folder: name the file of a script`);
  // A pipe, as <(command) names one, has nothing beside it to import.
  if (!found.isFile()) return await Bun.file(file).bytes();
  const { bundleScript } = await import("../bundle/bundle-script.ts");
  const { content, notes } = await bundleScript(file);
  for (const note of notes) messages.warn(note);
  return new Uint8Array(content);
}
