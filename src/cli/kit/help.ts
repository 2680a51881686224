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

/** The commands that people use and what they are for, as far as they are there; a group is one line. */
const COMMON: Readonly<Record<string, string>> = {
  append: "Record an event: its content is a word, or what comes on stdin",
  cat: "Show the events, oldest first; --follow goes on with new ones",
  last: "Show the newest event, or the newest COUNT, of a topic or of all",
  topics: "Show the topics as a tree, with how many events they have",
  search: "Find events by their words",
  sql: "Ask the store in SQL",
  why: "Show what an event came of, and what came of it",
  on: "Run a command on each event",
  generator: "Programs that write events",
  handler: "Programs that run on each event",
  kv: "Values under keys",
  serve: "Serve a store, so that commands can follow it and programs run",
  ui: "Look at a store in the browser",
  export: "Copy everything into one file",
};

/** So long may the line of a group be behind its name: the first of its commands are in it. */
const GROUP_COLUMNS = 65;

/** Help itself is no verb. */
const HELP = ["help", "List the commands, or show the options and examples of one"];

/** The help of xs itself. @param all lists every verb, not only those that people use */
export async function overview(verbs: Verbs, all: boolean): Promise<string> {
  const rows = all
    ? await rowsOf(verbs)
    : Object.entries(COMMON).map(([name, summary]) => commonRow(name, summary, verbs));
  // Help is in the list too.
  const count = Object.keys(verbs).length + 1;
  const others = all ? "" : `xs help --all lists all ${count} commands.\n`;
  return `xs: an event store, to poke at

Usage: xs COMMAND [ADDR] …

${table(
  [...rows, HELP].filter((row) => row.length > 0),
  "  ",
)}
Try:
  xs append note 'buy milk'  record an event
  xs last note               read it back
  xs serve                   serve the store, so that commands can follow it
  xs cat --follow            replay the log, then print new events as they come

${others}xs COMMAND --help shows the options and examples of a command.
`;
}

/** The help of a group: its verbs have two words. */
export async function groupOverview(group: string, verbs: Verbs): Promise<string> {
  return `${COMMON[group] ?? `Commands that begin with ${group}`}

Usage: xs ${group} COMMAND [ADDR] …

${table(await rowsOf(verbs), "  ")}
xs ${group} COMMAND --help shows the options and examples of a command.
`;
}

async function rowsOf(verbs: Verbs): Promise<string[][]> {
  const loaded = await Promise.all(Object.values(verbs).map((load) => load()));
  return loaded.map(({ name, summary }) => [name, summary]);
}

/** The line of a verb or a group; empty where there is none. */
function commonRow(name: string, summary: string, verbs: Verbs): string[] {
  if (Object.hasOwn(verbs, name)) return [name, summary];
  const words = Object.keys(verbs).filter((each) => each.startsWith(`${name} `));
  const subs = words.map((each) => each.slice(name.length + 1));
  if (subs.length === 0) return [];
  const fitting = (count: number): string =>
    `${summary}: ${[...subs.slice(0, count), ...(count < subs.length ? ["…"] : [])].join(", ")}`;
  let count = subs.length;
  while (count > 1 && fitting(count).length > GROUP_COLUMNS) count--;
  return [name, fitting(count)];
}
