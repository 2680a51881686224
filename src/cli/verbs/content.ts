import { parseId } from "../../core/id.ts";
import { printAnswer } from "../kit/response-body.ts";
import { splitTarget } from "../kit/target.ts";
import { parsed, type Verb } from "../kit/verb.ts";

export const contentVerb: Verb = {
  name: "content",
  summary: "Print the content of a frame, byte for byte",
  positionals: "[ADDR] ID",
  options: {},
  examples: [["xs content 03hadtdyn9s2dxl5soli9q9dz > photo.jpg", "write the content to a file"]],
  async run({ positionals }) {
    const target = splitTarget(positionals, 1, "ID");
    const id = parsed(parseId, target.rest[0] ?? "");
    await printAnswer(target, `/${id}/content`);
  },
};
