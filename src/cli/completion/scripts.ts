import { optionsOf, QUIET_NAMES, type Verb } from "../kit/verb.ts";
import { flagsOfOption } from "./context.ts";

/** A command as the scripts know it: they complete commands and options without asking xs. */
export interface Command {
  /** One word, or two. */
  readonly name: string;
  readonly summary: string;
  /** It is completed once it was typed, and not offered. */
  readonly isQuiet?: boolean;
  /** Flags as a user types them, each with what it does. */
  readonly flags: readonly (readonly [flag: string, does: string])[];
}

/** The commands for {@link SCRIPTS}. */
export function commandsOf(verbs: readonly Verb[]): Command[] {
  const help: Command = {
    name: "help",
    summary: "List the commands, or explain one",
    flags: [["--all", "list every command"]],
  };
  const commands = verbs.map((verb) => ({
    name: verb.name,
    summary: verb.summary,
    flags: Object.entries(optionsOf(verb)).flatMap(([name, option]) =>
      flagsOfOption(name, option).map((flag) => [flag, option.description ?? ""] as const),
    ),
  }));
  const quiet = Object.entries(QUIET_NAMES).flatMap(([name, known]) => {
    const command = commands.find((each) => each.name === known);
    return command ? [{ ...command, name, isQuiet: true }] : [];
  });
  return [...commands, ...quiet, help];
}

/** Makes the script of each shell. For values and arguments the scripts call `xs __complete`. */
export const SCRIPTS: Readonly<Record<string, (commands: readonly Command[]) => string>> = {
  bash,
  zsh,
  fish,
};

/** The first words of all commands, each with a summary, and the second words of those with two. */
function tree(commands: readonly Command[]) {
  const offered = commands.filter(({ isQuiet }) => !isQuiet);
  const groups = Map.groupBy(offered, ({ name }) => name.split(" ")[0] ?? "");
  return [...groups].map(([first, group]) => {
    const seconds = group.flatMap(({ name, summary }) => {
      const [, second] = name.split(" ");
      return second === undefined ? [] : [{ second, summary }];
    });
    const [{ summary = "" } = {}] = group;
    return {
      first,
      summary: seconds.length > 0 ? `Commands that begin with ${first}` : summary,
      seconds,
    };
  });
}

function flagNames({ flags }: Command): string {
  return ["--help", ...flags.map(([flag]) => flag)].join(" ");
}

function bash(commands: readonly Command[]): string {
  const groups = tree(commands);
  const seconds = groups
    .filter(({ seconds }) => seconds.length > 0)
    .map(
      ({ first, seconds }) =>
        `      ${first}) words="${seconds.map((s) => s.second).join(" ")}" ;;`,
    );
  const flags = commands.map((each) => `    "${each.name}") flags="${flagNames(each)}" ;;`);
  return `_xs_flags() {
  case "$1" in
${flags.join("\n")}
  esac
}
# For a bash without compopt.
_xs_paths() {
  local path
  while IFS= read -r path; do COMPREPLY+=("$path"); done < <(compgen "$1" -- "$2")
}
_xs() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words="" flags="" line paths="" before typed
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${groups.map(({ first }) => first).join(" ")}"
  elif [ "$COMP_CWORD" -eq 2 ]; then
    case "\${COMP_WORDS[1]}" in
${seconds.join("\n")}
    esac
  fi
  if [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  before=" \${COMP_WORDS[*]:0:COMP_CWORD} "
  if [[ "$current" == -* && "$before" != *" -- "* ]]; then
    _xs_flags "\${COMP_WORDS[1]} \${COMP_WORDS[2]}"
    [ -n "$flags" ] || _xs_flags "\${COMP_WORDS[1]}"
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
    [ "\${#COMPREPLY[@]}" -eq 0 ] || return
  fi
  typed="\${COMP_LINE:0:COMP_POINT}"
  [ -n "$typed" ] || typed="\${COMP_WORDS[*]:0:COMP_CWORD+1}"
  # Each line is one word, quoted for this place in the line. Nothing here expands or runs it.
  while IFS= read -r line; do
    if [ -z "$paths" ]; then paths="$line"; else COMPREPLY+=("$line"); fi
  done < <(command xs __complete bash "$typed" "$COMP_WORDBREAKS" 2>/dev/null)
  if [ "\${#COMPREPLY[@]}" -eq 1 ] && [[ "\${COMPREPLY[0]}" == *[=:/,] ]]; then
    compopt -o nospace 2>/dev/null
  elif [ "\${#COMPREPLY[@]}" -eq 0 ]; then
    case "$paths" in
      files) compopt -o default 2>/dev/null || _xs_paths -f "$current" ;;
      folders) compopt -o dirnames 2>/dev/null || _xs_paths -d "$current" ;;
    esac
  fi
}
complete -F _xs xs
`;
}

function zsh(commands: readonly Command[]): string {
  const groups = tree(commands);
  const described = (word: string, does: string) => quote(`${word.replaceAll(":", "\\:")}:${does}`);
  const firsts = groups.map(({ first, summary }) => `    ${described(first, summary)}`);
  const seconds = groups
    .filter(({ seconds }) => seconds.length > 0)
    .map(
      ({ first, seconds }) =>
        `      ${first}) found=(${seconds.map((s) => described(s.second, s.summary)).join(" ")}) ;;`,
    );
  const flags = commands.map(({ name, flags }) => {
    const all = [["--help", "show the options and examples"] as const, ...flags];
    return `    ${quote(name)}) found=(\n${all.map(([flag, does]) => `      ${described(flag, does)}`).join("\n")}\n    ) ;;`;
  });
  return `#compdef xs
_xs_flags() {
  case "$1" in
${flags.join("\n")}
  esac
}
_xs() {
  local -a found lines open closed
  local paths line
  if (( CURRENT == 2 )); then
    found=(
${firsts.join("\n")}
    )
  elif (( CURRENT == 3 )); then
    case "\${words[2]}" in
${seconds.join("\n")}
    esac
  fi
  if (( $#found )); then
    _describe 'command' found
    return
  fi
  if [[ "$PREFIX" == -* && "$PREFIX" != --*=* && \${words[(Ie)--]} -eq 0 ]]; then
    _xs_flags "\${words[2]} \${words[3]}"
    (( $#found )) || _xs_flags "\${words[2]}"
    _describe -o 'option' found && return
  fi
  # Each line is one word, as it is. compadd quotes it, and nothing here expands or runs it.
  lines=("\${(@f)$(command xs __complete zsh "\${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
  paths="$lines[1]"
  shift lines
  for line in "\${lines[@]}"; do
    if [[ "$line" == *[=:/,] ]]; then open+=("$line"); else closed+=("$line"); fi
  done
  (( $#open )) && compadd -S '' -a open
  (( $#closed )) && compadd -a closed
  (( $#lines )) && return
  [[ "$PREFIX" == --*=* ]] && compset -P '*='
  case "$paths" in
    files) _files ;;
    folders) _files -/ ;;
  esac
}
# As a file of fpath this is the function itself; sourced, it is the script that defines it.
if [[ "$funcstack[1]" == _xs ]]; then _xs "$@"; else compdef _xs xs; fi
`;
}

function fish(commands: readonly Command[]): string {
  const groups = tree(commands);
  const lines = groups.flatMap(({ first, summary, seconds }) => [
    `complete -c xs -n __xs_first -a ${first} -d ${fishQuote(summary)}`,
    ...seconds.map(
      (each) =>
        `complete -c xs -n ${fishQuote(`__xs_second ${first}`)} -a ${each.second} -d ${fishQuote(each.summary)}`,
    ),
  ]);
  const flags = commands.flatMap(({ name, flags }) =>
    [["--help", "show the options and examples"] as const, ...flags].map(([flag, does]) => {
      const spelling = flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
      return `complete -c xs -n ${fishQuote(`__xs_in ${name}`)} ${spelling} -d ${fishQuote(does)}`;
    }),
  );
  return `function __xs_first
    test (count (commandline -opc)) -eq 1
end
function __xs_second
    set -l typed (commandline -opc)
    test (count $typed) -eq 2; and test "$typed[2]" = "$argv[1]"
end
function __xs_in
    set -l typed (commandline -opc)
    test (count $typed) -gt (count $argv); or return 1
    set -l last (math 1 + (count $argv))
    test "$typed[2..$last]" = "$argv"
end
function __xs_values
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    set -e typed[1]
    # Options are known here, with what they do.
    string match --quiet --regex -- '^--?$|^--[^=]+$' "$current"; and not contains -- -- $typed; and return
    # Each line is one word, as it is. fish quotes it, and nothing here expands or runs it.
    set -l lines (command xs __complete fish $typed "$current" 2>/dev/null)
    set -l paths $lines[1]
    set -e lines[1]
    if test (count $lines) -gt 0
        printf '%s\\n' $lines
        return
    end
    switch "$paths"
        case files
            __fish_complete_path "$current"
        case folders
            __fish_complete_directories "$current" ''
    end
end
complete -c xs -f
complete -c xs -n 'not __xs_first' -a '(__xs_values)'
${[...lines, ...flags].join("\n")}
`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fishQuote(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
