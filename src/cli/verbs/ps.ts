import { connect } from "../kit/connect.ts";
import { formatOf, LIST_OPTIONS, printList } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, type Verb } from "../kit/verb.ts";

export const psVerb: Verb = {
  name: "ps",
  summary: "Show the generators and handlers that run on the stream",
  positionals: "[ADDR]",
  options: {
    all: flag("also what failed, finished, is invalid or was stopped, with the reason", "a"),
    ...LIST_OPTIONS,
  },
  examples: [
    ["xs ps", "a table; in a pipe, JSON lines"],
    ["xs ps -a", "also what does not run, and why"],
    ["xs ps | jq -r 'select(.restarts > 0).name'", "the names of all that restarted"],
  ],
  async run(input) {
    await using client = await connect(splitTarget(input, 0).address);
    const all = input.options.has("all");
    const load = async () => {
      const { AllProcessorsTable, ProcessorTable } = await import("../terminal/processors.ts");
      return all ? AllProcessorsTable : ProcessorTable;
    };
    const response = await client.request(all ? "/ps?all=true" : "/ps");
    await printList(formatOf(input.options), response, load);
  },
};
