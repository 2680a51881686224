import { table } from "./table.ts";
import { optionsOf, spellings, type Verb, type Verbs } from "./verb.ts";

/** The help of one verb: what it does, its options, and examples that work. */
export function usage(verb: Verb): string {
  const options = Object.entries(optionsOf(verb)).map(([name, option]) => {
    const hint = option.valueHint ? ` ${option.valueHint}` : "";
    return [`${spellings(name, option).join(", ")}${hint}`, option.description ?? ""];
  });
  const sections = [
    `${verb.summary}\n`,
    form(verb),
    options.length > 0 ? `Options:\n${table(options, "  ")}` : "",
    `Examples:\n${table(verb.examples, "  ")}`,
    verb.positionals.includes("ADDR") ? ADDRESS : "",
  ];
  return sections.filter(Boolean).join("\n");
}

/** The lines that follow a usage error: the form of the verb, and the command that prints its help. */
export function reminder(verb: Verb): string {
  return `${form(verb)}xs ${verb.name} --help says more, with examples.\n`;
}

function form(verb: Verb): string {
  const hasOptions = Object.keys(optionsOf(verb)).length > 0;
  const words = ["xs", verb.name, verb.positionals, hasOptions ? "[options]" : ""];
  return `Usage: ${words.filter(Boolean).join(" ")}\n`;
}

const ADDRESS = `ADDR is a store directory, its sock, HOST:PORT, :PORT or a URL. As the first argument it begins with
. / or ~, is [HOST]:PORT or has ://; no other word is an address, but with -s any spelling is.
The default is $XS_ADDR, else ./store if that is a store, else $XDG_DATA_HOME/cross.stream/store.
`;

/** The help of xs itself, or of some of its verbs. */
export async function overview(verbs: Verbs): Promise<string> {
  const loaded = await Promise.all(Object.values(verbs).map((load) => load()));
  const lines = loaded.map(({ name, summary }) => [name, summary]);
  return `xs: an event stream store, to poke at

Usage: xs COMMAND [ADDR] …

${table(lines, "  ")}
Try:
  xs serve ./store          serve a store on its socket
  echo hi | xs append note  record an event
  xs cat --follow           replay the log, then print new frames
  xs COMMAND --help         show the options and examples of a command
`;
}
