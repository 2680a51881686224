import { READ_LISTS, READ_OPTIONS, read } from "../kit/read.ts";
import type { Verb } from "../kit/verb.ts";

export const cat: Verb = {
  name: "cat",
  summary: "Read the stream, oldest first, as JSON lines",
  positionals: "[ADDR]",
  options: READ_OPTIONS,
  lists: READ_LISTS,
  examples: [
    ["xs cat", "everything so far"],
    ["xs cat --follow | jq", "replay, then stay live"],
    ["xs cat -f --pulse 1000 --tail", "only what is new, with a heartbeat a second"],
    ["xs cat --topic 'note,door.*' --last 10", "the newest ten of some topics"],
  ],
  run: (input) => read(input, []),
};
