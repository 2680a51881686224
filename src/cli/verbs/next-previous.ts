import { parseId } from "../../core/id.ts";
import { parseTopicFilter } from "../../core/pattern.ts";
import { connect } from "../kit/connect.ts";
import { FRAME_OPTIONS, parametersOf } from "../kit/frame-options.ts";
import { formatOf, printFrames } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { parsed, text, type Verb } from "../kit/verb.ts";

export const nextVerb = neighbourVerb("next", "after");
export const previousVerb = neighbourVerb("previous", "before");

function neighbourVerb(direction: "next" | "previous", side: "after" | "before"): Verb {
  return {
    name: direction,
    summary: `Print the frame right ${side} an id, in the stream or a topic`,
    positionals: "[ADDR] ID",
    options: {
      topic: text("TOPIC", "look only at this topic", "T"),
      ...FRAME_OPTIONS,
    },
    examples: [[`xs ${direction} 03hadtdyn9s2dxl5soli9q9dz --topic note`, `the note ${side} it`]],
    async run(input) {
      const { options } = input;
      const target = splitTarget(input, 1, "ID");
      const id = parsed(parseId, target.rest[0] ?? "");
      const topic = options.get("topic");
      if (topic !== undefined) parsed(parseTopicFilter, topic);
      const format = formatOf(options);
      const query = new URLSearchParams(parametersOf(options, format));
      await using client = await connect(target.address, { asksNext: true });
      await printFrames(
        format,
        client,
        await client.request(`/${id}/${direction}?${query}`),
        target.address,
      );
    },
  };
}
