import { XsError } from "../../core/error.ts";
import { complain, print } from "./complain.ts";
import { BrokenPipe } from "./output.ts";
import { UsageError, type Verb } from "./verb.ts";

/** Prints an error, and returns its exit code: 0 for a reader that has gone, 1 for a failure, 2 for wrong usage, 3 where it is not known whether it was done. */
export async function exitCodeOf(error: unknown, verb: Verb): Promise<number> {
  // What failed when the command cleaned up after its error says less.
  if (error instanceof SuppressedError) return exitCodeOf(error.suppressed, verb);
  if (error instanceof BrokenPipe) return 0;
  if (error instanceof UsageError || (error as Error).name === "CLIError") {
    const { reminder } = await import("./help.ts");
    await complain((error as Error).message);
    await print(reminder(verb), process.stderr);
    return 2;
  }
  const { message } = error as Error;
  if (error instanceof XsError) {
    await complain(message);
    if (error.members.outcome === "unknown") return 3;
  } else {
    const { systemProblem } = await import("./system-error.ts");
    const { answerProblem } = await import("./connect.ts");
    const problem = systemProblem(error) ?? answerProblem(error);
    await complain(problem ?? `this should not have happened: ${message}`);
  }
  return 1;
}
