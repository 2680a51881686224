import effects from "./effects.nu" with { type: "text" };
import generator from "./generator.nu" with { type: "text" };
import handler from "./handler.nu" with { type: "text" };
import json from "./json.nu" with { type: "text" };
import lines from "./lines.nu" with { type: "text" };
import printed from "./printed.nu" with { type: "text" };
import module from "./xs.nu" with { type: "text" };

// Files of nushell as they run. A module for users is one file and exports its commands alone, so what several need is
// written into each.

/** The module for users, also of scripts: `.cat`, `.append` … */
export const XS_NU = `${module}\n${json}`;

/** The same as a file that nushell loads by itself, where what the commands are made of is to stay out of sight. */
export const INSTALLED_NU = `# Written by  xs nu --install , which replaces it
module xs-commands {
${XS_NU}
}
export use xs-commands *
`;

/** What a script is run with, by the names of the files. */
export const RUNTIME_NU = {
  "xs.nu": XS_NU,
  // What a handler writes with, in place of what the module has for it.
  "effects.nu": `${effects}\n${json}`,
  "printed.nu": printed,
} as const;

/** Runs a handler or generator of a file. Beside it have to be {@link RUNTIME_NU}. */
export function runnerOf(kind: "handler" | "generator", file: string): string {
  const runner = kind === "handler" ? handler : generator;
  return `${runner.replaceAll(/\bSCRIPT\b/g, () => quotedNu(file))}\n${json}`;
}

/** Prints what a script of `xs eval` gives, where that is no terminal. */
export const LINES_NU = `${lines}\n${json}`;

/** A text as nushell takes it, whatever is in it. */
export function quotedNu(text: string): string {
  return JSON.stringify(text).replace(/\\u([0-9a-f]{4})/g, "\\u{$1}");
}
