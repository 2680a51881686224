import effects from "./effects.nu" with { type: "text" };
import generator from "./generator.nu" with { type: "text" };
import handler from "./handler.nu" with { type: "text" };
import json from "./json.nu" with { type: "text" };
import lines from "./lines.nu" with { type: "text" };
import printed from "./printed.nu" with { type: "text" };
import module from "./xs.nu" with { type: "text" };

// The nushell files as they run. A module for users is one file that exports only its commands, so shared helpers are
// written into each file.

/** The module for users, also of scripts: `.cat`, `.append` … */
export const XS_NU = `${module}\n${json}`;

/** The same module as a file that nushell loads at start, with its helpers hidden. */
export const INSTALLED_NU = `# Written by  xs nu --install , which replaces it
module xs-commands {
${XS_NU}
}
export use xs-commands *
`;

/** The files that a script runs with, by name. */
export const RUNTIME_NU = {
  "xs.nu": XS_NU,
  // The writing commands of a handler, which replace those of the module.
  "effects.nu": `${effects}\n${json}`,
  "printed.nu": printed,
} as const;

/** The nushell source that runs a handler or generator from a file, beside the files of {@link RUNTIME_NU}. */
export function runnerOf(kind: "handler" | "generator", file: string): string {
  const runner = kind === "handler" ? handler : generator;
  return `${runner.replaceAll(/\bSCRIPT\b/g, () => quotedNu(file))}\n${json}`;
}

/** The nushell source that prints the output of `xs eval` if stdout is no terminal. */
export const LINES_NU = `${lines}\n${json}`;

/** Quotes any text as a nushell string. */
export function quotedNu(text: string): string {
  return JSON.stringify(text).replace(/\\u([0-9a-f]{4})/g, "\\u{$1}");
}
