import { printAnswer } from "../kit/response-body.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, type Verb } from "../kit/verb.ts";

export const gcVerb: Verb = {
  name: "gc",
  summary: "Free content that no frame refers to any more",
  positionals: "[ADDR]",
  options: { "dry-run": flag("print how much it would free, and free nothing") },
  examples: [
    ["xs gc ./store", "prints how many contents and bytes it has freed"],
    ["xs gc --dry-run", "changes nothing"],
  ],
  async run({ positionals, options }) {
    const target = splitTarget(positionals, 0);
    const query = options.has("dry-run") ? "?dry-run=true" : "";
    await printAnswer(target, `/gc${query}`, { method: "POST" });
  },
};
