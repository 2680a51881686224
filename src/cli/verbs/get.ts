import { parseId } from "../../core/id.ts";
import { connect } from "../kit/connect.ts";
import { FRAME_OPTIONS, parametersOf } from "../kit/frame-options.ts";
import { formatOf, printFrames } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { parsed, type Verb } from "../kit/verb.ts";

export const getVerb: Verb = {
  name: "get",
  summary: "Print one frame",
  positionals: "[ADDR] ID",
  options: FRAME_OPTIONS,
  examples: [
    ["xs get 03hadtdyn9s2dxl5soli9q9dz", "the frame with this id"],
    ["xs get 03hadtdyn9s2dxl5soli9q9dz --content", "the frame with its content"],
  ],
  async run(input) {
    const { options } = input;
    const target = splitTarget(input, 1, "ID");
    const id = parsed(parseId, target.rest[0] ?? "");
    const format = formatOf(options);
    const query = new URLSearchParams(parametersOf(options, format));
    await using client = await connect(target.address, { asksNext: true });
    await printFrames(format, client, await client.request(`/${id}?${query}`), target.address);
  },
};
