import { parseHash } from "../../core/hash.ts";
import { connect } from "../kit/connect.ts";
import { printContent } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { parsed, UsageError, type Verb } from "../kit/verb.ts";

export const casVerb: Verb = {
  name: "cas",
  summary: "Print the content of a hash, byte for byte; on a terminal, only text",
  positionals: "[ADDR] HASH",
  options: {},
  examples: [
    ["xs cas sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", "the content with this hash"],
  ],
  async run({ positionals }) {
    // A hash may hold "/", so the last argument is the hash whatever it looks like.
    const text = positionals.at(-1);
    if (text === undefined) throw new UsageError("HASH is missing");
    const hash = parsed(parseHash, text);
    await using client = await connect(splitTarget(positionals.slice(0, -1), 0).address);
    await printContent(await client.request(`/cas/${hash}`), `xs cas ${hash}`);
  },
};
