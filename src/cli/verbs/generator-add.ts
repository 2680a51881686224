import type { ArgsDef } from "citty";
import { addProcessor, SPAWN_OPTIONS } from "../kit/add-processor.ts";
import { readScript, type Script } from "../kit/script-file.ts";
import { shellScript } from "../kit/shell-script.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, text, UsageError, type Verb } from "../kit/verb.ts";

const OPTIONS = {
  every: text("TIME", "run it at times: a duration like 1h, or a cron line like '0 7 * * mon-fri'"),
  tz: text("ZONE", "the time zone of that cron line, as Europe/Berlin; else that of the server"),
  duplex: flag("the content of each frame NAME.send becomes its input"),
  ...SPAWN_OPTIONS,
} satisfies ArgsDef;

export const generatorAddVerb: Verb = {
  name: "generator add",
  summary: "Start a generator: a program whose output becomes events",
  positionals: "[ADDR] NAME FILE|- | -- COMMAND…",
  options: OPTIONS,
  examples: [
    ["xs generator add log -- tail -n 0 -F /var/log/syslog", "each line becomes a frame log.recv"],
    ["xs generator add disk --every 1h -- df -k", "runs each hour"],
    ["xs generator add load -- 'while sleep 60; do uptime; done'", "one word is a line for sh"],
    ["xs generator add feed feed.ts --restart on-failure", "a script in a file"],
  ],
  async run(input) {
    const { literalFrom = input.positionals.length, options } = input;
    const command = input.positionals.slice(literalFrom);
    const positionals = input.positionals.slice(0, literalFrom);
    const isCommand = command.length > 0;
    const names = isCommand ? "NAME" : "NAME, FILE or  -- COMMAND";
    const target = splitTarget(
      { ...input, positionals, literalFrom: undefined },
      isCommand ? [1, 2] : 2,
      names,
    );
    const [name = "", file] = target.rest;
    if (isCommand && file !== undefined)
      throw new UsageError(`give a file or a command: ${file} stands before  --`);
    if (isCommand && options.has("runtime"))
      throw new UsageError("--runtime does not go with a command: sh runs that");
    const script = async (hasRuntime: boolean): Promise<Script> =>
      isCommand
        ? { bytes: new TextEncoder().encode(shellScript(command)), runtime: "sh" }
        : readScript(file ?? "-", hasRuntime);
    await addProcessor(target, { kind: "generator", name }, options, OPTIONS, script);
  },
};
