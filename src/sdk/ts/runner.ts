// Runs a TypeScript script in a process of its own: the other end of the line protocol.
import { Console } from "node:console";
import { hideOwnPlaces } from "../../lib/own-places.ts";
import { askServer } from "./ask-server.ts";
import { explain } from "./explain.ts";

/** What a process of a script is to do. */
export type Task = "handler" | "generator" | "check";

/** Runs the script in a file until its input ends; never returns. */
export async function runScript([task = "", file = ""]: string[]): Promise<never> {
  hideOwnPlaces();
  // Standard output is the protocol's; what a script prints is for a person.
  globalThis.console = new Console(process.stderr, process.stderr) as Console & typeof console;
  process.stdout.write = process.stderr.write.bind(process.stderr);
  // What nobody catches ends the process, so that its frames are handled again; it would hang else.
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      process.stderr.write(`${explain(error)}\n`);
      process.exit(1);
    });
  }
  let script: unknown;
  try {
    script = ((await import(file)) as { default: unknown }).default;
    if (task === "check") {
      const { generatorOf } = await import("./generator.ts");
      generatorOf(script);
    } else if (task === "generator") {
      const { generate } = await import("./generator.ts");
      await generate(script, askServer());
    } else {
      const { handle } = await import("./handler.ts");
      await handle(script, askServer());
    }
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exit(1);
  }
  process.exit(0);
}
