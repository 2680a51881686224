import { parseTopicFilter } from "../../core/pattern.ts";
import { connect } from "../kit/connect.ts";
import { formatOf, LIST_OPTIONS, printList } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, parsed, text, type Verb } from "../kit/verb.ts";

export const topicsVerb: Verb = {
  name: "topics",
  summary: "Show the topics as a tree, with how many events they have",
  positionals: "[ADDR]",
  options: {
    topic: text(
      "PATTERN",
      "only these topics: a.b, a.* (all below a.), or several with commas",
      "T",
    ),
    all: flag("every topic, where the tree would fold some"),
    ...LIST_OPTIONS,
  },
  examples: [
    ["xs topics", "a tree; in a pipe, JSON lines"],
    ["xs topics -T 'sensor.*'", "those below sensor."],
    ["xs topics -T '*,!stream.cross.*'", "all but the runtime's"],
    ["xs topics | jq -r 'select(.frames > 1000).topic'", "the names of the large ones"],
  ],
  async run(input) {
    const { options } = input;
    const { address } = splitTarget(input, 0);
    const topic = options.get("topic");
    if (topic !== undefined) parsed(parseTopicFilter, topic);
    const query = topic === undefined ? "" : `?topic=${encodeURIComponent(topic)}`;
    await using client = await connect(address, { asksNext: true });
    const load = async () => {
      const { TopicTree, WholeTopicTree } = await import("../terminal/topics.ts");
      return options.has("all") ? WholeTopicTree : TopicTree;
    };
    await printList(formatOf(options), await client.request(`/-/topics${query}`), load);
  },
};
