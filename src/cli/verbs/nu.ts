import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { XsError } from "../../core/error.ts";
import { findNu } from "../../sdk/language.ts";
import { INSTALLED_NU, XS_NU } from "../../sdk/nu/files.ts";
import { writeWhole } from "../kit/export-file.ts";
import { messages } from "../kit/messages.ts";
import { writeOut } from "../kit/output.ts";
import { flag, UsageError, type Verb } from "../kit/verb.ts";

export const nuVerb: Verb = {
  name: "nu",
  summary: "Print or install a module for nushell with .append, .cat, .last, .kv …",
  positionals: "",
  options: { install: flag("write it where nushell loads it automatically") },
  examples: [
    ["xs nu --install", "every nushell that you open from now on has the commands"],
    ["xs nu > xs.nu", "for single sessions; then, in nushell:  use xs.nu *"],
    ["nu -c 'use xs.nu *; .cat --last 3'", "reads the store at $env.XS_ADDR, or ./store"],
  ],
  async run({ positionals, options }) {
    if (positionals.length > 0) throw new UsageError("nu takes no argument");
    await (options.has("install") ? installModule() : writeOut(XS_NU));
  },
};

/**
 * Writes the module where nushell loads it automatically, unless it is there already.
 *
 * @throws XsError where there is no nushell, or where another file has the name
 */
async function installModule(): Promise<void> {
  const file = join(autoloadFolder(), "xs.nu");
  const before = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  if (before === INSTALLED_NU) return messages.success(`${file} is this module already`);
  const [mark] = INSTALLED_NU.split("\n");
  if (before !== undefined && !before.startsWith(`${mark}\n`)) {
    throw new XsError(
      "bad_path",
      `${file} is there, and is not what  xs nu --install  writes: move it away, or write the module elsewhere with  xs nu > FILE`,
    );
  }
  mkdirSync(dirname(file), { recursive: true });
  await writeWhole(file, (take) => take(Buffer.from(INSTALLED_NU)));
  messages.success(
    `${before === undefined ? "installed" : "replaced an older"} ${file}: every nushell that you open from now on has .cat, .append and so on; a script has them with  use ${file} *`,
  );
}

/** Asks nushell for the folder from which it loads the modules of other tools. @throws XsError */
function autoloadFolder(): string {
  const nu = findNu("the module is for nushell, and");
  const ask = "$nu.vendor-autoload-dirs | last | print --raw";
  const { stdout, stderr, exitCode } = Bun.spawnSync([nu, "--no-config-file", "--commands", ask]);
  const folder = stdout.toString().trim();
  if (exitCode === 0 && folder.startsWith("/")) return folder;
  throw new XsError(
    "not_found",
    `${nu} does not say where it loads modules from (${stderr.toString().trim() || folder || `exit code ${exitCode}`}): write the module there with  xs nu > FILE`,
  );
}
