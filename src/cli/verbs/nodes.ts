import { connect } from "../kit/connect.ts";
import { formatOf, LIST_OPTIONS, printList } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { parsed, type Verb } from "../kit/verb.ts";

export const nodesVerb: Verb = {
  name: "nodes",
  summary: "Show the nodes of a store on several machines",
  positionals: "[ADDR]",
  options: LIST_OPTIONS,
  examples: [
    ["xs nodes", "a table; in a pipe, JSON lines"],
    ["xs nodes check", "whether what the promises stand on is so"],
    ["xs nodes | jq -r 'select(.role == \"leader\").name'", "the name of the node that leads"],
  ],
  async run(input) {
    await using client = await connect(splitTarget(input, 0).address);
    const load = async () => (await import("../terminal/nodes.ts")).NodesTable;
    await printList(formatOf(input.options), await client.request("/-/nodes"), load);
  },
};

export const nodesForgetVerb: Verb = {
  name: "nodes forget",
  summary: "Take nodes that will not come back from the list",
  positionals: "[ADDR] NAME…",
  options: {},
  examples: [["xs nodes forget attic", "a node that answers is refused: end its server first"]],
  async run(input) {
    const { parseNodeName } = await import("../../core/node-name.ts");
    const target = splitTarget(input, [1, Number.POSITIVE_INFINITY], "NAME");
    const names = target.rest.map((name) => parsed(parseNodeName, name));
    await using client = await connect(target.address);
    for (const name of names) await client.request(`/-/nodes/${name}`, { method: "DELETE" });
  },
};
