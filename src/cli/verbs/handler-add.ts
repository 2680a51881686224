import type { ArgsDef } from "citty";
import { addProcessor, SPAWN_OPTIONS } from "../kit/add-processor.ts";
import { readScript } from "../kit/script-file.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, text, type Verb } from "../kit/verb.ts";

const OPTIONS = {
  topics: text(
    "TOPIC",
    "the frames that it gets: a.b, a.*, *.b; several with commas, !a.b takes away",
    ["topic", "T"],
  ),
  start: text(
    "tail|first|ID",
    "begin with new frames (the default), with the first, or after an id",
  ),
  "on-error": text("fail|skip|retry", "the effect of a failure on a frame"),
  retries: text("N", "with --on-error retry: how often a frame comes again"),
  concurrency: text("N", "work on N frames at once; without state"),
  "one-by-one": flag("hand over a frame only when the output of the one before is stored"),
  initial: text("JSON", "the first state"),
  pulse: text("MS", "hand over a frame stream.cross.pulse every MS milliseconds"),
  ...SPAWN_OPTIONS,
  resume: flag("go on with the cursor and the state of the handler of this name"),
} satisfies ArgsDef;

export const handlerAddVerb: Verb = {
  name: "handler add",
  summary: "Start a handler: a script that runs on each event",
  positionals: "[ADDR] NAME FILE|-",
  options: OPTIONS,
  examples: [
    ["xs handler add counter counter.ts", "waits until it is active; replaces one of that name"],
    ["xs handler add counter counter.ts --resume", "a new version goes on with the state"],
    [
      "xs handler add ./store alarm alarm.py --topics 'door.*' --start first",
      "over the history too",
    ],
  ],
  async run(input) {
    const target = splitTarget(input, 2, "NAME or FILE");
    const [name = "", file = ""] = target.rest;
    await addProcessor(target, { kind: "handler", name }, input.options, OPTIONS, (hasRuntime) =>
      readScript(file, hasRuntime),
    );
  },
};
