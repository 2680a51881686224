import { version } from "../version.ts";
import { writeOut } from "./output.ts";
import type { Verb } from "./verb.ts";

export const versionVerb: Verb = {
  name: "version",
  summary: "Print the version of this xs, or of the server at ADDR",
  positionals: "[ADDR]",
  options: {},
  examples: [["xs version", "of this binary"]],
  async run({ positionals }) {
    if (positionals.length === 0) return writeOut(`${version}\n`);
    const { splitTarget, withClient } = await import("./target.ts");
    await withClient(splitTarget(positionals, 0), {}, async (client) => {
      const { textIn } = await import("../script/body.ts");
      const text = await textIn(await client.request("/version"));
      const answer = JSON.parse(text) as { version: string };
      await writeOut(`${answer.version}\n`);
    });
  },
};
