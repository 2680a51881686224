import { parseId } from "../../core/id.ts";
import { parseTopicFilter } from "../../core/pattern.ts";
import { READ_LISTS } from "./read.ts";
import { pipeOut } from "./response-body.ts";
import { splitTarget, withClient } from "./target.ts";
import { parsed, type Verb } from "./verb.ts";

/** Builds the verb `next` or `previous`. */
export function neighbourVerb(direction: "next" | "previous", side: "after" | "before"): Verb {
  return {
    name: direction,
    summary: `Print the frame right ${side} an id, in the stream or a topic`,
    positionals: "[ADDR] ID",
    options: {
      topic: {
        type: "string",
        alias: "T",
        valueHint: "TOPIC",
        description: "look only at this topic",
      },
      "with-timestamp": { type: "boolean", description: "add the time to the frame" },
    },
    lists: READ_LISTS,
    examples: [[`xs ${direction} 03hadtdyn9s2dxl5soli9q9dz --topic note`, `the note ${side} it`]],
    async run({ positionals, options }) {
      const target = splitTarget(positionals, 1, "ID");
      const id = parsed(() => parseId(target.rest[0] ?? ""));
      const topic = options.get("topic");
      if (topic !== undefined) parsed(() => parseTopicFilter(topic));
      const query = new URLSearchParams([...options]);
      await withClient(target, {}, async (client) => {
        await pipeOut(await client.request(`/${id}/${direction}?${query}`));
      });
    },
  };
}
