import { parseId } from "../frame/id.ts";
import { splitTarget, withClient } from "./target.ts";
import { parsed, type Verb } from "./verb.ts";

export const remove: Verb = {
  name: "remove",
  summary: "Remove a frame for good",
  positionals: "[ADDR] ID",
  options: {},
  examples: [["xs remove 03hadtdyn9s2dxl5soli9q9dz", "the frame is in no read any more"]],
  async run({ positionals }) {
    const target = splitTarget(positionals, 1, "ID");
    const id = parsed(() => parseId(target.rest[0] ?? ""));
    await withClient(target, {}, async (client) => {
      await client.request(`/${id}`, { method: "DELETE" });
    });
  },
};
