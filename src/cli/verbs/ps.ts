import { connect } from "../kit/connect.ts";
import { formatOf, LIST_OPTIONS, printList } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import type { Verb } from "../kit/verb.ts";

export const psVerb: Verb = {
  name: "ps",
  summary: "Show the generators and handlers that run on the stream",
  positionals: "[ADDR]",
  options: LIST_OPTIONS,
  examples: [
    ["xs ps", "a table; in a pipe, JSON lines"],
    ["xs ps | jq -r 'select(.restarts > 0).name'", "the names of all that restarted"],
  ],
  async run(input) {
    await using client = await connect(splitTarget(input, 0).address);
    const load = async () => (await import("../terminal/processors.ts")).ProcessorTable;
    await printList(formatOf(input.options), await client.request("/ps"), load);
  },
};
