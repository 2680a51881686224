import { unknownKeys } from "../../core/known-keys.ts";
import { DECLARED } from "../handler-keys.ts";

/** A handler as its script exports it, with a state of any type. */
// biome-ignore lint/suspicious/noExplicitAny: the script knows what its state is
export type Script = XsHandler<any>;

/** Checks the default export of a handler's script. @throws Error if it is no handler */
export function scriptOf(exported: unknown): Script {
  if (typeof exported === "function") return { run: exported as Script["run"] };
  if (typeof (exported as Partial<Script> | null)?.run === "function") {
    const unknown = unknownKeys(
      exported as Script,
      ["run", ...DECLARED],
      "the record of the handler",
    );
    if (unknown !== undefined) throw new Error(unknown);
    return exported as Script;
  }
  throw new Error(
    "the default export of a handler is a function, or an object with a function run(frame, state, xs)",
  );
}
