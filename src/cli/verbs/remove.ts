import { idsOf, removeAll } from "../kit/ids.ts";
import { splitTarget } from "../kit/target.ts";
import type { Verb } from "../kit/verb.ts";

const FRAMES = { what: "frames", key: "id", path: "/" } as const;

export const removeVerb: Verb = {
  name: "remove",
  summary: "Remove frames for good, one by one",
  positionals: "[ADDR] ID…|-",
  options: {},
  examples: [
    ["xs remove 03hadtdyn9s2dxl5soli9q9dz", "no read returns the frame any more"],
    ["xs cat --topic draft | xs remove -", "stdin has a frame or an id on each line"],
  ],
  async run(input) {
    const target = splitTarget(input, [1, Number.POSITIVE_INFINITY], "ID");
    const ids = await idsOf(target.rest, FRAMES);
    // Empty input is no error: the command before the pipe found no frames. The store may be missing.
    if (ids.length > 0) await removeAll(target, ids, FRAMES);
  },
};
