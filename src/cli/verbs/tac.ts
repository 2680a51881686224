import { BACKWARD_OPTIONS, read } from "../kit/read.ts";
import type { Verb } from "../kit/verb.ts";

export const tacVerb: Verb = {
  name: "tac",
  summary: "Read the stream, newest first, an event a line",
  positionals: "[ADDR]",
  options: BACKWARD_OPTIONS,
  examples: [
    ["xs tac --limit 5", "the newest five"],
    ["xs tac --topic note", "one topic backward"],
    ["xs tac --since 2026-11-26 --until 2026-11-27", "one day backward"],
  ],
  run: (input) => read(input, [["order", "desc"]]),
};
