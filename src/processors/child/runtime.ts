import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { selfCommand } from "../../lib/self.ts";
import { findNu, isModule, MAX_TS_BYTES } from "../../sdk/language.ts";
import { quotedNu, RUNTIME_NU, runnerOf } from "../../sdk/nu/files.ts";
import { makePrivateFolder } from "../../store/modes.ts";
import type { Store } from "../../store/store.ts";
import { Invalid, type Runtime, refused, type SpawnOptions } from "../lifecycle/options.ts";
import type { Kind } from "../lifecycle/registry.ts";
import { scriptEnvironment } from "./environment.ts";
import { checkExecutable } from "./executable.ts";
import { didNotLoad } from "./exit.ts";
import { Program, type ProgramCommand } from "./program.ts";

/** The largest script in another language than TypeScript. */
const MAX_SCRIPT_BYTES = 1024 * 1024;
/** The folder for the files of running scripts, below the store. */
const FOLDER = "scripts";

/** A processor's script whose files are written, and the command that runs it. */
export interface Prepared extends ProgramCommand {
  readonly runtime: Runtime;
  /** The meaning of its output: plain lines, or lines of the line protocol. */
  readonly speaks: "lines" | "protocol";
  /** A command that fails, with the reason on stderr, where the script does not load. */
  readonly check?: readonly string[];
  /** Removes its files. */
  dispose(): void;
}

/** The surroundings that all scripts share. */
export interface ScriptPlace {
  /** The address of the store that the scripts use. */
  readonly address: string;
  /** The folder for their files; each spawn has a folder below it. */
  readonly folder: string;
  /** The environment of every script, before the variables of its spawn. */
  readonly env: Record<string, string>;
  /** Aborted when all programs are to end at once. */
  readonly ending?: AbortSignal;
}

/** The place of the scripts that a server runs. @param names as in `scriptEnvironment` */
export function placeIn(
  store: Store,
  names: readonly string[] | undefined,
  ending: AbortSignal,
): ScriptPlace {
  const folder = join(store.path, FOLDER);
  return { address: store.path, folder, env: scriptEnvironment(names), ending };
}

/** Removes the files of all scripts, which an earlier server has left. */
export function removeScripts({ folder }: ScriptPlace): void {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Chooses the runtime of a script, writes the files that it runs from, and returns the command.
 *
 * @throws Invalid
 */
export function prepare(
  { address, folder: parent, env, ending }: ScriptPlace,
  { kind, name, spawnId }: { kind: Kind; name: string; spawnId: string },
  script: Uint8Array,
  options: SpawnOptions,
): Prepared {
  if (script.length === 0) throw new Invalid("there is no script: it is the content of the spawn");
  checkSize(script, MAX_TS_BYTES);
  const runtime = options.runtime ?? runtimeOf(new TextDecoder().decode(script));
  if (runtime !== "ts") checkSize(script, MAX_SCRIPT_BYTES);
  const folder = join(parent, spawnId);
  // Never the folders above these: that would create a folder where a removed store has been.
  makePrivateFolder(parent);
  makePrivateFolder(folder);
  const file = (base: string, content: string | Uint8Array) => {
    const path = join(folder, base);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const shared = {
    runtime,
    ...(ending && { ending }),
    env: { ...env, XS_ADDR: address, XS_SCRIPTS: folder, XS_NAME: name, XS_SPAWN_ID: spawnId },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
  try {
    switch (runtime) {
      case "ts": {
        const path = file(`${name}.ts`, script);
        const command = selfCommand("ts", kind, path);
        const check = kind === "generator" && { check: selfCommand("ts", "check", path) };
        // The runner moves the protocol away from its standard input.
        return { ...shared, speaks: "protocol", command, input: "socket", ...check };
      }
      case "nu": {
        const nu = refused(() => findNu());
        const path = file(`${name}.nu`, script);
        // In a separate folder, so that a handler may have the name of one of these files.
        makePrivateFolder(join(folder, "runtime"));
        for (const [base, text] of Object.entries(RUNTIME_NU)) file(`runtime/${base}`, text);
        const run = file("runtime/run.nu", runnerOf(kind, path));
        const direct = [nu, "--no-config-file", "--stdin", run];
        const command = kind === "handler" ? withInputAside(direct) : direct;
        const check = kind === "generator" && {
          check: [nu, "--no-config-file", "--commands", `nu-check --debug ${quotedNu(path)}`],
        };
        return { ...shared, speaks: "protocol", command, ...check };
      }
      case "exec": {
        const path = file(name, script);
        chmodSync(path, 0o700);
        checkExecutable(path, env.PATH ?? "");
        return { ...shared, speaks: kind === "handler" ? "protocol" : "lines", command: [path] };
      }
      case "sh": {
        const path = file(`${name}.sh`, script);
        return {
          ...shared,
          speaks: "lines",
          command: ["sh", path],
          check: ["sh", "-n", path],
        };
      }
    }
  } catch (error) {
    shared.dispose();
    throw error;
  }
}

/**
 * A command that finds its input at the path `XS_INPUT`, and none at its standard input: that is what the
 * programs get that it starts, which would take the lines of the protocol. Linux only.
 */
function withInputAside(command: readonly string[]): readonly string[] {
  if (process.platform !== "linux") return command;
  return ["/bin/sh", "-c", 'XS_INPUT=/proc/$$/fd/3 exec "$@" 3<&0 </dev/null', "sh", ...command];
}

/** Runs the check of a script, if it has one. @throws Invalid where the script does not load; `PerhapsLack` */
export async function checkScript(
  { check, env, ending }: Prepared,
  signal: AbortSignal,
): Promise<void> {
  if (!check) return;
  const program = await Program.start({ command: check, env, ending }, signal);
  const stop = () => program.stop();
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  program.closeInput();
  const [stderr, exit] = await Promise.all([
    new Response(program.stderr).text(),
    program.exited,
    new Response(program.stdout).bytes(),
  ]);
  signal.removeEventListener("abort", stop);
  if (exit.code !== 0) throw didNotLoad(exit, stderr.trim(), "the script does not load");
}

function checkSize({ length }: Uint8Array, most: number): void {
  if (length > most) throw new Invalid(`the script is larger than ${most} bytes`);
}

/** The runtime of a script that names none. */
export function runtimeOf(script: string): Runtime {
  if (script.startsWith("#!")) return "exec";
  return isModule(script) ? "ts" : "nu";
}
