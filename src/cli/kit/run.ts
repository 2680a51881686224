import { complain, print } from "./complain.ts";
import { exitCodeOf } from "./exit-code.ts";
import { runVerb } from "./run-verb.ts";
import { QUIET_NAMES, type Verb } from "./verb.ts";
import { VERBS } from "./verbs.ts";

/** The command of the completion scripts. Nobody types it, so no help has it. */
const COMPLETE = "__complete";

/** Reports an uncaught error in one line: Bun would print the source of this program around it. */
export function reportUncaught(): void {
  const report = (error: unknown) =>
    complain(`this should not have happened: ${(error as Error | null)?.message ?? String(error)}`);
  process.on("unhandledRejection", (error) => void report(error));
  process.on("uncaughtException", (error) => void report(error).then(() => process.exit(1)));
}

/** Runs a command line and returns the exit code: 0, 1 for a failure, 2 for wrong usage. */
export async function run(args: readonly string[]): Promise<number> {
  // What looks closer is loaded only where it finds something: it would cost `xs version` a tenth of its time.
  if (args.some((arg) => arg.includes("\ufffd"))) {
    const { brokenArgument } = await import("../../core/absolute-path.ts");
    const broken = brokenArgument(args);
    if (broken !== undefined) {
      await complain(
        `argument ${broken + 1} is not UTF-8, and xs would read another text: pass content through stdin`,
      );
      return 2;
    }
  }
  // Some verbs have two words: kv get.
  const [first, second] = args;
  const pair = `${first} ${second}`;
  const two = Object.hasOwn(QUIET_NAMES, pair) ? (QUIET_NAMES[pair] ?? pair) : pair;
  const words = Object.hasOwn(VERBS, two) ? 2 : 1;
  const name = words === 2 ? two : first;
  const rest = args.slice(words);
  if (name === undefined) return overviewOf(false, 2);
  if (isHelp(name) || name === "help") {
    if (second === "--all") return overviewOf(true, 0);
    if (second === undefined || isHelp(second) || second === "help") return overviewOf(false, 0);
    return run([...rest, "--help"]);
  }
  const known = name === "--version" ? "version" : name;
  const load = Object.hasOwn(VERBS, known) ? VERBS[known] : undefined;
  if (name === COMPLETE) return (await import("../completion/complete.ts")).complete(rest, VERBS);
  if (!load) return noVerb(name, second);
  const verb = await load();
  if (beforeDashes(rest).some(isHelp)) return help(verb);
  try {
    // A line of plain words needs no parser, and starts faster without one.
    if (!rest.some((arg) => arg.startsWith("-"))) {
      await runVerb(verb, { positionals: rest, options: new Map(), verbs: VERBS });
      return 0;
    }
    const [{ runCommand }, { toCommand }] = await Promise.all([
      import("citty"),
      import("./command.ts"),
    ]);
    await runCommand(toCommand(verb, VERBS, rest), { rawArgs: [...rest] });
    return 0;
  } catch (error) {
    return exitCodeOf(error, verb);
  }
}

/** Prints the list of verbs: on stdout for code 0, and on stderr where the command line was wrong. */
async function overviewOf(all: boolean, code: 0 | 2): Promise<number> {
  const { overview } = await import("./help.ts");
  await print(await overview(VERBS, all), code === 0 ? process.stdout : process.stderr);
  return code;
}

/** Prints the help of a group, or that there is no such verb. */
async function noVerb(name: string, sub: string | undefined): Promise<number> {
  const group = Object.entries(VERBS).filter(([verb]) => verb.startsWith(`${name} `));
  if (group.length > 0 && (sub === undefined || isHelp(sub))) {
    const { groupOverview } = await import("./help.ts");
    const text = await groupOverview(name, Object.fromEntries(group));
    await print(text, sub === undefined ? process.stderr : process.stdout);
    return sub === undefined ? 2 : 0;
  }
  const { unknownCommand } = await import("./suggest.ts");
  await complain(unknownCommand(group.length > 0 ? `${name} ${sub}` : name, Object.keys(VERBS)));
  return 2;
}

function isHelp(arg: string): boolean {
  return arg === "--help" || arg === "-h";
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
