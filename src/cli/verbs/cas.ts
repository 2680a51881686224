import { parseHash } from "../../core/hash.ts";
import { connect } from "../kit/connect.ts";
import { printContent } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { parsed, type Verb } from "../kit/verb.ts";

export const casVerb: Verb = {
  name: "cas",
  summary: "Print the content of a hash; a terminal shows only text",
  positionals: "[ADDR] HASH",
  options: {},
  examples: [
    ["xs cas sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", "the content with this hash"],
  ],
  async run(input) {
    const target = splitTarget(input, 1, "HASH");
    const hash = parsed(parseHash, target.rest[0] ?? "");
    await using client = await connect(target.address);
    await printContent(await client.request(`/cas/${hash}`), target, ["cas", hash]);
  },
};
