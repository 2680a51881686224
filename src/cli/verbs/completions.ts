import { commandsOf, SCRIPTS } from "../completion/scripts.ts";
import { writeOut } from "../kit/output.ts";
import { UsageError, type Verb } from "../kit/verb.ts";

export const completionsVerb: Verb = {
  name: "completions",
  summary: "Print a completion script for a shell",
  positionals: "bash|zsh|fish",
  options: {},
  examples: [
    ["source <(xs completions bash)", "in ~/.bashrc"],
    ["source <(xs completions zsh)", "in ~/.zshrc, after compinit"],
    ["xs completions fish | source", "in ~/.config/fish/config.fish"],
  ],
  async run({ positionals, verbs }) {
    const [shell, ...more] = positionals;
    const write = Object.hasOwn(SCRIPTS, shell ?? "") ? SCRIPTS[shell ?? ""] : undefined;
    if (!write || more.length > 0) throw new UsageError("name one shell: bash, zsh or fish");
    const loaded = await Promise.all(Object.values(verbs).map((load) => load()));
    await writeOut(write(commandsOf(loaded)));
  },
};
