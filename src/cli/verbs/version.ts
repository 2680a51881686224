import { version } from "../../version.ts";
import { writeOut } from "../kit/output.ts";
import { flag, UsageError, type Verb } from "../kit/verb.ts";

export const versionVerb: Verb = {
  name: "version",
  summary: "Print the version of this xs, or of the server at ADDR",
  positionals: "[ADDR]",
  options: { licenses: flag("print the licenses of all parts of this binary") },
  examples: [
    ["xs version", "the version of this binary"],
    ["xs version --licenses | less", "the parts of this binary, with their licenses"],
  ],
  async run(input) {
    const { positionals, options, store } = input;
    const isHere = positionals.length === 0 && store === undefined;
    if (options.has("licenses")) {
      if (!isHere) throw new UsageError("--licenses is about this binary: no ADDR");
      const { licenses } = await import("../kit/licenses.ts");
      return writeOut(`${licenses}\n`);
    }
    if (isHere) return writeOut(`${version}\n`);
    const { splitTarget } = await import("../kit/target.ts");
    const { connect } = await import("../kit/connect.ts");
    await using client = await connect(splitTarget(input, 0).address);
    const { textIn } = await import("../../net/text-body.ts");
    const text = await textIn(await client.request("/version"));
    const answer = JSON.parse(text) as { version: string };
    const { printText } = await import("../kit/show.ts");
    await printText(`${answer.version.trim()}\n`);
  },
};
