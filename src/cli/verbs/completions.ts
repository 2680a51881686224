import { writeOut } from "../kit/output.ts";
import { optionsOf, spellings, UsageError, type Verb } from "../kit/verb.ts";

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
    const write = SHELLS[shell ?? ""];
    if (!write || more.length > 0) throw new UsageError("name one shell: bash, zsh or fish");
    const loaded = await Promise.all(Object.values(verbs).map((load) => load()));
    await writeOut(write(commandsOf(loaded)));
  },
};

const SHELLS: Record<string, (commands: readonly Command[]) => string> = { bash, zsh, fish };

/** The first word of a command line: a verb, or the shared word of several. */
interface Command {
  readonly name: string;
  readonly summary: string;
  /** The words that may follow it. */
  readonly words: readonly string[];
  /** Flags as a user types them: `-f`, `--follow`. */
  readonly flags: readonly string[];
}

function commandsOf(verbs: readonly Verb[]): Command[] {
  const groups = Map.groupBy(verbs, ({ name }) => name.split(" ")[0] ?? "");
  return [...groups].map(([name, group]) => {
    const words = group.flatMap((verb) => verb.name.split(" ").slice(1));
    const options = group.flatMap((verb) => Object.entries(optionsOf(verb)));
    const flags = new Set(options.flatMap(([flag, option]) => spellings(flag, option)));
    const summary =
      words.length > 0 ? `Commands that begin with ${name}` : (group[0]?.summary ?? "");
    return { name, summary, words, flags: [...flags] };
  });
}

function bash(commands: readonly Command[]): string {
  const cases = commands.map(
    ({ name, flags, words }) =>
      `    ${name}) flags="${flags.join(" ")}" words="${words.join(" ")}" ;;`,
  );
  return `_xs() {
  local current="\${COMP_WORDS[COMP_CWORD]}" flags words
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")}" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
  if [ -n "$words" ] && [ "$COMP_CWORD" -eq 2 ]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  case "$current" in
    -*) COMPREPLY=($(compgen -W "--help $flags" -- "$current")) ;;
    *) COMPREPLY=($(compgen -d -- "$current")) ;;
  esac
}
complete -F _xs xs
`;
}

function zsh(commands: readonly Command[]): string {
  const names = commands.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`);
  const cases = commands.map(
    ({ name, flags, words }) =>
      `    ${name}) flags=(${flags.join(" ")}) words2=(${words.join(" ")}) ;;`,
  );
  return `#compdef xs
_xs() {
  local -a verbs flags words2
  verbs=(
${names.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' verbs
    return
  fi
  case "\${words[2]}" in
${cases.join("\n")}
  esac
  if (( CURRENT == 3 && $#words2 )); then
    compadd -- $words2
  elif [[ "\${words[CURRENT]}" == -* ]]; then
    compadd -- --help $flags
  else
    _files -/
  fi
}
compdef _xs xs
`;
}

function fish(commands: readonly Command[]): string {
  const lines = commands.flatMap(({ name, summary, words, flags }) => [
    `complete -c xs -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`,
    ...words.map((word) => `complete -c xs -n '__fish_seen_subcommand_from ${name}' -a ${word}`),
    ...flags.map((flag) => {
      const spelling = flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
      return `complete -c xs -n '__fish_seen_subcommand_from ${name}' ${spelling}`;
    }),
  ]);
  return `${lines.join("\n")}\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
