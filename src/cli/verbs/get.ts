import { parseId } from "../../core/id.ts";
import { printAnswer } from "../kit/response-body.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, parsed, type Verb } from "../kit/verb.ts";

export const getVerb: Verb = {
  name: "get",
  summary: "Print one frame",
  positionals: "[ADDR] ID",
  options: { "with-timestamp": flag("add the time to the frame") },
  examples: [["xs get 03hadtdyn9s2dxl5soli9q9dz", "the frame with this id"]],
  async run({ positionals, options }) {
    const target = splitTarget(positionals, 1, "ID");
    const id = parsed(parseId, target.rest[0] ?? "");
    const query = options.has("with-timestamp") ? "?with-timestamp=true" : "";
    await printAnswer(target, `/${id}${query}`);
  },
};
