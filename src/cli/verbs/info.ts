import { connect } from "../kit/connect.ts";
import { formatOf, LIST_OPTIONS, printList } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import type { Verb } from "../kit/verb.ts";

export const infoVerb: Verb = {
  name: "info",
  summary: "Show facts about the store: what it holds, its sizes, who serves it",
  positionals: "[ADDR]",
  options: LIST_OPTIONS,
  examples: [
    ["xs info", "a fact a line; in a pipe, one JSON object"],
    ["xs info :3021", "of a server; with a token, what that may do"],
    ["xs info | jq .database_bytes", "the size of the database"],
  ],
  async run(input) {
    const { address } = splitTarget(input, 0);
    await using client = await connect(address, { asksNext: true });
    const load = async () => (await import("../terminal/info.ts")).InfoLines;
    await printList(formatOf(input.options), await client.request("/-/info"), load);
  },
};
