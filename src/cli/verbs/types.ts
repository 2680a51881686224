// @ts-expect-error the compiler reads types in this file; here its text is imported
import types from "../../sdk/xs.d.ts" with { type: "text" };
import { writeOut } from "../kit/output.ts";
import { UsageError, type Verb } from "../kit/verb.ts";

export const typesVerb: Verb = {
  name: "types",
  summary: "Print types for scripts in TypeScript, so that an editor can complete them",
  positionals: "",
  options: {},
  examples: [
    ["xs types > xs.d.ts", 'then, at the top of a script:  /// <reference path="./xs.d.ts" />'],
  ],
  async run({ positionals }) {
    if (positionals.length > 0) throw new UsageError("types takes no argument");
    await writeOut(types as string);
  },
};
