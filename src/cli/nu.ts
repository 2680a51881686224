import { XS_NU } from "../script/nu-files.ts";
import { writeOut } from "./output.ts";
import { UsageError, type Verb } from "./verb.ts";

export const nu: Verb = {
  name: "nu",
  summary: "Print a module for nushell: .append, .cat, .last, .kv …",
  positionals: "",
  options: {},
  examples: [
    ["xs nu > xs.nu", "then, in nushell:  use xs.nu *"],
    ["nu -c 'use xs.nu *; .cat --last 3'", "the store is that of $env.XS_ADDR, or ./store"],
  ],
  async run({ positionals }) {
    if (positionals.length > 0) throw new UsageError("nu takes no argument");
    await writeOut(XS_NU);
  },
};
