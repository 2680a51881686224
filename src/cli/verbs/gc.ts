import { pipeOut } from "../kit/output.ts";
import { splitTarget, withClient } from "../kit/target.ts";
import type { Verb } from "../kit/verb.ts";

export const gc: Verb = {
  name: "gc",
  summary: "Free content that nothing names any more",
  positionals: "[ADDR]",
  options: {
    "dry-run": { type: "boolean", description: "only tell how much it would be" },
  },
  examples: [
    ["xs gc ./store", "prints how many contents and bytes are free now"],
    ["xs gc --dry-run", "changes nothing"],
  ],
  async run({ positionals, options }) {
    const target = splitTarget(positionals, 0);
    const query = options.has("dry-run") ? "?dry-run=true" : "";
    await withClient(target, {}, async (client) => {
      await pipeOut(await client.request(`/gc${query}`, { method: "POST" }));
    });
  },
};
