import { readInput } from "./input.ts";
import { pipeOut } from "./output.ts";
import { splitTarget, withClient } from "./target.ts";
import type { Verb } from "./verb.ts";

export const importVerb: Verb = {
  name: "import",
  summary: "Add frames from stdin, JSON lines, keeping their ids",
  positionals: "[ADDR]",
  options: {},
  examples: [["xs cat ./old | xs import ./new", "copy a log; twice is the same as once"]],
  async run({ positionals }) {
    const target = splitTarget(positionals, 0);
    const body = await readInput();
    await withClient(target, { create: true }, async (client) => {
      await pipeOut(await client.request("/import", { method: "POST", body }));
    });
  },
};
