import { READ_OPTIONS, read } from "../kit/read.ts";
import type { Verb } from "../kit/verb.ts";

export const catVerb: Verb = {
  name: "cat",
  summary: "Read the stream, oldest first, an event a line",
  positionals: "[ADDR]",
  options: READ_OPTIONS,
  examples: [
    ["xs cat", "everything so far"],
    ["xs cat --follow | jq", "the history, then new frames as they come"],
    ["xs cat -f --pulse 1000 --tail", "only new frames, with a heartbeat every second"],
    ["xs cat --topic 'note,door.*' --last 10", "the newest ten frames of some topics"],
    ["xs cat --last 3 --long", "all fields and the content of the newest three"],
    ["xs cat --since 2h", "what came in the last two hours"],
    ["xs cat --tail --wait 60000", "wait up to a minute for the next frame"],
    ["xs cat --content | jq -r .content", "what was written, not only its hashes"],
  ],
  run: (input) => read(input, []),
};
