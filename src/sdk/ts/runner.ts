// Runs a TypeScript script in a separate process: the other end of the line protocol.
import { Console } from "node:console";
import { hideOwnPlaces } from "../../lib/own-places.ts";
import { askServer } from "./ask-server.ts";
import { fail } from "./explain.ts";
import { takeProtocolStreams } from "./standard-streams.ts";

/** The task of a script's process. */
export type Task = "handler" | "generator" | "check";

/** Runs the script in a file until its input ends; never returns. */
export async function runScript([task = "", file = ""]: string[]): Promise<never> {
  hideOwnPlaces();
  const streams = takeProtocolStreams();
  // Everything that a script prints goes to standard error, which a person reads.
  globalThis.console = new Console(process.stderr, process.stderr) as Console & typeof console;
  process.stdout.write = process.stderr.write.bind(process.stderr);
  // An uncaught error ends the process, so that its frames are handled again; otherwise it would hang.
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, fail);
  }
  const seals = process.env.XS_TRIAL === "sealed" ? await import("./seal.ts") : undefined;
  seals?.seal();
  let script: unknown;
  try {
    script = ((await import(file).catch(withHint(task))) as { default: unknown }).default;
    if (task === "check") {
      const { generatorOf } = await import("./generator.ts");
      generatorOf(script);
    } else if (task === "generator") {
      const { generate } = await import("./generator.ts");
      await generate(script, askServer(), streams);
    } else {
      const { handle } = await import("./handler.ts");
      await handle(seals ? seals.watched(script) : script, askServer(), streams);
    }
  } catch (error) {
    fail(error);
  }
  process.exit(0);
}

/** Says how a script brings what it imports, where that is missing. */
function withHint(task: string): (error: unknown) => never {
  return (error) => {
    const { code, specifier } = (error ?? {}) as { code?: unknown; specifier?: unknown };
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw error;
    const kind = task === "handler" ? "handler" : "generator";
    throw new Error(
      `there is no ${JSON.stringify(String(specifier))} here: a script comes with what it imports when  xs ${kind} add NAME FILE  adds it`,
    );
  };
}
