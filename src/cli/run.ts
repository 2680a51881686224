import { XsError } from "../frame/error.ts";
import { BrokenPipe } from "./output.ts";
import { toCommand, UsageError, type Verb } from "./verb.ts";
import { VERBS } from "./verbs.ts";

/** Runs a command line and gives the exit code: 0, 1 for a failure, 2 for wrong usage. */
export async function run(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const [topic] = rest;
    if (topic !== undefined) return run([topic, "--help"]);
    const { overview } = await import("./help.ts");
    await print(await overview(VERBS), name === undefined ? process.stderr : process.stdout);
    return name === undefined ? 2 : 0;
  }
  const known = name === "--version" ? "version" : name;
  const load = Object.hasOwn(VERBS, known) ? VERBS[known] : undefined;
  if (!load) {
    await complain(`there is no command "${name}"; xs help lists them`);
    return 2;
  }
  const verb = await load();
  if (beforeDashes(rest).some((arg) => arg === "--help" || arg === "-h")) return help(verb);
  try {
    if (rest.length === 0) {
      await verb.run({ positionals: [], options: new Map(), verbs: VERBS });
      return 0;
    }
    const { runCommand } = await import("citty");
    await runCommand(toCommand(verb, VERBS, rest), { rawArgs: [...rest] });
    return 0;
  } catch (error) {
    return failed(error, verb);
  }
}

async function failed(error: unknown, verb: Verb): Promise<number> {
  if (error instanceof BrokenPipe) return 0;
  if (error instanceof UsageError || (error as Error).name === "CLIError") {
    const { usage } = await import("./help.ts");
    await complain((error as Error).message);
    await print(usage(verb), process.stderr);
    return 2;
  }
  const { message, code } = error as Error & { code?: string };
  // An error of the system says itself what is wrong with which path.
  const named = error instanceof XsError || /^E[A-Z0-9]+$/.test(code ?? "");
  await complain(named ? message : `this should not have happened: ${message}`);
  return 1;
}

async function help(verb: Verb): Promise<number> {
  const { usage } = await import("./help.ts");
  await print(usage(verb), process.stdout);
  return 0;
}

function beforeDashes(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end < 0 ? args : args.slice(0, end);
}

async function complain(message: string): Promise<void> {
  const { messages } = await import("./messages.ts");
  messages.error(message);
}

function print(text: string, stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write(text, () => resolve()));
}
