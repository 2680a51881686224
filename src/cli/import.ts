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
    await withClient(splitTarget(positionals, 0), { create: true }, async (client) => {
      const body = await readInput();
      await pipeOut(await client.request("/import", { method: "POST", body }));
    });
  },
};
