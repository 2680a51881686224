import { parseId } from "../../core/id.ts";
import { connect } from "../kit/connect.ts";
import { printContent } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { parsed, type Verb } from "../kit/verb.ts";

export const contentVerb: Verb = {
  name: "content",
  summary: "Print the content of a frame; a terminal shows only text",
  positionals: "[ADDR] ID",
  options: {},
  examples: [["xs content 03hadtdyn9s2dxl5soli9q9dz > photo.jpg", "write the content to a file"]],
  async run(input) {
    const target = splitTarget(input, 1, "ID");
    const id = parsed(parseId, target.rest[0] ?? "");
    await using client = await connect(target.address, { asksNext: true });
    await printContent(await client.request(`/${id}/content`), target, ["content", id]);
  },
};
