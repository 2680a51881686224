import { writeOut } from "./output.ts";
import { spellings, UsageError, type Verb } from "./verb.ts";

export const completions: Verb = {
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
    await writeOut(write(await Promise.all(Object.values(verbs).map((load) => load()))));
  },
};

const SHELLS: Record<string, (verbs: readonly Verb[]) => string> = { bash, zsh, fish };

/** The flags of a verb, as they are typed. */
function flagsOf({ options }: Verb): string[] {
  return Object.entries(options).flatMap(([name, option]) => spellings(name, option));
}

function bash(verbs: readonly Verb[]): string {
  const cases = verbs.map((verb) => `    ${verb.name}) words="${flagsOf(verb).join(" ")}" ;;`);
  return `_xs() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${verbs.map(({ name }) => name).join(" ")}" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "--help $words" -- "$current")) ;;
    *) COMPREPLY=($(compgen -d -- "$current")) ;;
  esac
}
complete -F _xs xs
`;
}

function zsh(verbs: readonly Verb[]): string {
  const names = verbs.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`);
  const cases = verbs.map((verb) => `    ${verb.name}) flags=(${flagsOf(verb).join(" ")}) ;;`);
  return `#compdef xs
_xs() {
  local -a verbs flags
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
  if [[ "\${words[CURRENT]}" == -* ]]; then
    compadd -- --help $flags
  else
    _files -/
  fi
}
compdef _xs xs
`;
}

function fish(verbs: readonly Verb[]): string {
  const lines = verbs.flatMap((verb) => [
    `complete -c xs -n __fish_use_subcommand -a ${verb.name} -d ${quote(verb.summary)}`,
    ...flagsOf(verb).map((flag) => {
      const spelling = flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
      return `complete -c xs -n '__fish_seen_subcommand_from ${verb.name}' ${spelling}`;
    }),
  ]);
  return `${lines.join("\n")}\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
