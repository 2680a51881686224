import { XS_NU } from "../../sdk/nu/files.ts";
import { writeOut } from "../kit/output.ts";
import { UsageError, type Verb } from "../kit/verb.ts";

export const nuVerb: Verb = {
  name: "nu",
  summary: "Print or install a module for nushell with .append, .cat, .last, .kv …",
  positionals: "",
  options: {
    install: { type: "boolean", description: "write it where nushell loads it automatically" },
  },
  examples: [
    ["xs nu --install", "every nushell that you open from now on has the commands"],
    ["xs nu > xs.nu", "for single sessions; then, in nushell:  use xs.nu *"],
    ["nu -c 'use xs.nu *; .cat --last 3'", "reads the store at $env.XS_ADDR, or ./store"],
  ],
  async run({ positionals, options }) {
    if (positionals.length > 0) throw new UsageError("nu takes no argument");
    if (!options.has("install")) return writeOut(XS_NU);
    const { installModule } = await import("../kit/nu-install.ts");
    await installModule();
  },
};
