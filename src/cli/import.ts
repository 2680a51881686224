import { statSync } from "node:fs";
import { defaultAddress, looksLikeAddress, parseAddress } from "../client/address.ts";
import { readFile, readInput } from "./input.ts";
import { pipeOut } from "./output.ts";
import { Progress } from "./progress.ts";
import { splitTarget, type Target, withClient } from "./target.ts";
import type { Verb } from "./verb.ts";

export const importVerb: Verb = {
  name: "import",
  summary: "Add what an export holds, or frames as JSON lines, keeping their ids",
  positionals: "[ADDR] [FILE|-]",
  options: {},
  examples: [
    ["xs import ./new backup.tar", "bring back what  xs export  wrote; twice is the same as once"],
    ["xs cat ./old | xs import ./new", "copy a log"],
  ],
  async run({ positionals }) {
    const target = importTarget(positionals);
    const [file = "-"] = target.rest;
    const progress = new Progress();
    const body =
      file === "-" ? await readInput() : readFile(file, (part) => progress.show("import", part));
    try {
      await withClient(target, { create: true }, async (client) => {
        const response = await client.request("/import", { method: "POST", body });
        progress.clear();
        await pipeOut(response);
      });
    } finally {
      progress.clear();
    }
  },
};

/** Splits `[ADDR] [FILE|-]`, where either may be left out. */
function importTarget(positionals: readonly string[]): Target {
  const [first = "", ...others] = positionals;
  if (positionals.length !== 1) return splitTarget(positionals, [0, 1]);
  const state = statSync(first, { throwIfNoEntry: false });
  const isFile = first === "-" || state?.isFile() || (!state && !looksLikeAddress(first));
  if (isFile) return { address: defaultAddress(), rest: [first] };
  return { address: parseAddress(first), rest: others };
}
