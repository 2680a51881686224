import { pipeOut } from "../kit/response-body.ts";
import { splitTarget, withClient } from "../kit/target.ts";
import type { Verb } from "../kit/verb.ts";

export const gcVerb: Verb = {
  name: "gc",
  summary: "Free content that no frame refers to any more",
  positionals: "[ADDR]",
  options: {
    "dry-run": { type: "boolean", description: "print how much it would free, and free nothing" },
  },
  examples: [
    ["xs gc ./store", "prints how many contents and bytes it has freed"],
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
