import type { ArgsDef } from "citty";
import type { Client } from "../../client/client.ts";
import type { Frame } from "../../core/frame.ts";
import { TTL_FORMS } from "../../core/ttl.ts";
import { connect } from "../kit/connect.ts";
import { messages } from "../kit/messages.ts";
import { findName, nameOfPatterns } from "../kit/on-name.ts";
import { sayOutcome } from "../kit/outcome.ts";
import { appendRequest, handlingProcessors } from "../kit/processors.ts";
import { shellScript } from "../kit/shell-script.ts";
import { spawnMeta } from "../kit/spawn-options.ts";
import { startProcessor } from "../kit/start-processor.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, text, UsageError, type Verb } from "../kit/verb.ts";

const SPAWN = "stream.cross.handler.spawn";
/** The options that are options of the spawn as well. */
const SPAWNED = {
  retries: text("N", "with --on-error retry: how often the command runs again; default 10"),
  concurrency: text("N", "run N commands at once; default 1, in the order of the events"),
  ttl: text("TTL", `how long the store keeps what it prints: ${TTL_FORMS}; default forever`),
} satisfies ArgsDef;

/** What an option of the spawn is called here. */
const ON_ERRORS: Readonly<Record<string, string>> = { stop: "fail", skip: "skip", retry: "retry" };

export const onVerb: Verb = {
  name: "on",
  summary: "Run a command on each event, also after a restart of the server",
  positionals: "[ADDR] PATTERN COMMAND | PATTERN -- COMMAND…",
  options: {
    name: text("NAME", "its name; default: made of the pattern, like on.door"),
    first: flag("begin with the first event of the log, not with the next one"),
    "on-error": text(
      "skip|retry|stop",
      "when the command fails: go on (the default), run it again later, or end",
    ),
    ...SPAWNED,
  },
  examples: [
    [`xs on 'door.*' 'notify-send "$XS_TOPIC" "$XS_TEXT"'`, "the event is in variables"],
    ["xs on photo 'exiftool -json -'", "its content is the input; the output is on.photo.out"],
    [
      `xs on order --on-error retry 'curl -fsS --data-binary @- http://127.0.0.1:9000'`,
      "tries again until the service answers",
    ],
    ["xs on note,door -- logger -t xs", "several patterns; a command in words"],
    ["xs handler rm on.door", "ends the first one"],
  ],
  async run(input) {
    const { literalFrom, options } = input;
    const literal = literalFrom === undefined ? [] : input.positionals.slice(literalFrom);
    const isLiteral = literal.length > 0 && literalFrom !== 0;
    const positionals = isLiteral ? input.positionals.slice(0, literalFrom) : input.positionals;
    const target = splitTarget(
      { ...input, positionals, ...(isLiteral && { literalFrom: undefined }) },
      isLiteral ? 1 : [2, Number.POSITIVE_INFINITY],
      isLiteral ? "PATTERN" : "PATTERN or COMMAND",
    );
    const [pattern = "", command = "", more] = target.rest;
    if (more !== undefined)
      throw new UsageError(
        "the command is several words: quote it, or write  --  before it, as in  xs on PATTERN -- COMMAND WORD…",
      );
    if (!isLiteral && command.trim() === "") throw new UsageError("the command is empty");
    const script = new TextEncoder().encode(isLiteral ? shellScript(literal) : `${command}\n`);
    const patterns = pattern.split(",").map((each) => each.trim());
    const base = options.get("name") ?? nameOfPatterns(patterns);
    const meta = await metaOf(base, pattern, options);
    await using client = await connect(target.address, { create: true });
    await handlingProcessors(async () => {
      for (;;) {
        // Another xs on at the same time must not get the same name, and so replace this one.
        const last = await newestSpawn(client);
        const { name, isThere } = await findName(
          client,
          base,
          { meta, script },
          options.has("name"),
        );
        const advice = `; end it with  xs handler rm ${name}`;
        if (isThere) {
          messages.info(`handler ${name} is there already, with this command${advice}`);
          return;
        }
        const append = () => appendRequest(client, SPAWN, { ...meta, topic: name }, script, last);
        try {
          return sayOutcome(
            await startProcessor(client, target, { kind: "handler", name }, append, advice),
          );
        } catch (error) {
          if ((error as { code?: string }).code !== "expect_last_failed") throw error;
        }
      }
    });
  },
};

/** The id of the newest spawn of a handler; "none" where there is none. */
async function newestSpawn(client: Client): Promise<string> {
  const line = (await (await client.request(`/last/${SPAWN}?last=1`)).text()).trim();
  return line === "" ? "none" : (JSON.parse(line) as Frame).id;
}

/** The meta of the spawn. @throws UsageError */
async function metaOf(name: string, pattern: string, options: ReadonlyMap<string, string>) {
  const given = new Map(options);
  const onError = options.get("on-error") ?? "skip";
  const spawned = ON_ERRORS[onError];
  if (spawned === undefined)
    throw new UsageError(`--on-error "${onError}" is not one of skip, retry, stop`);
  if (options.has("retries") && onError !== "retry")
    throw new UsageError("--retries goes with --on-error retry");
  given.set("on-error", spawned);
  given.set("topics", pattern);
  given.set("runtime", "sh");
  if (options.has("first")) given.set("start", "first");
  const known = { topics: text("", ""), runtime: text("", ""), start: text("", "") };
  return spawnMeta({ kind: "handler", name }, given, {
    ...known,
    "on-error": text("", ""),
    ...SPAWNED,
  });
}
