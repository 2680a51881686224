import type { Kind } from "../../processors/lifecycle/registry.ts";
import { connect } from "../kit/connect.ts";
import { type Action, controlProcessor } from "../kit/control-processor.ts";
import { sayOutcome } from "../kit/outcome.ts";
import type { Named } from "../kit/processors.ts";
import { checkedName } from "../kit/spawn-options.ts";
import { splitTarget } from "../kit/target.ts";
import type { Verb } from "../kit/verb.ts";

export const handlerRmVerb = verb("handler", "rm", "Remove a handler for good, with its state");
export const generatorRmVerb = verb("generator", "rm", "Remove a generator for good");
export const handlerStopVerb = verb(
  "handler",
  "stop",
  "Stop a handler; start goes on where it was",
);
export const generatorStopVerb = verb("generator", "stop", "Stop a generator, until start");
export const handlerStartVerb = verb(
  "handler",
  "start",
  "Start a handler that was stopped or failed, where it was",
);
export const generatorStartVerb = verb(
  "generator",
  "start",
  "Start a generator that was stopped, failed or finished",
);
export const handlerRestartVerb = verb(
  "handler",
  "restart",
  "Start the program of a handler anew, where it is",
);
export const generatorRestartVerb = verb(
  "generator",
  "restart",
  "Start the program of a generator anew",
);

function verb(kind: Kind, action: Action, summary: string): Verb {
  const name = kind === "handler" ? "counter" : "log";
  return {
    name: `${kind} ${action}`,
    summary,
    positionals: "[ADDR] NAME",
    options: {},
    examples: [
      [`xs ${kind} ${action} ${name}`, "waits until it is done"],
      ["xs ps --all", "what runs, and what does not"],
    ],
    async run(input) {
      const target = splitTarget(input, 1, "NAME");
      const named: Named = { kind, name: await checkedName(kind, target.rest[0] ?? "") };
      await using client = await connect(target.address);
      sayOutcome(await controlProcessor(client, target, named, action));
    },
  };
}
