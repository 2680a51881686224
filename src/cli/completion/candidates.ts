import type { ChunkMode } from "../../core/chunk.ts";
import { RUNTIME_PREFIX } from "../../core/topic.ts";
import { askLines } from "./ask.ts";
import type { Wanted } from "./context.ts";

/** What may stand at the cursor. */
export interface Candidates {
  /** Words, in whole. */
  readonly words: readonly string[];
  /** The paths that the shell completes where there are no words. */
  readonly paths: "none" | "files" | "folders";
}

export const NONE: Candidates = { words: [], paths: "none" };

/** How many of the newest frames are looked at for topics. */
const NEWEST_FRAMES = 1000;
/** The most keys, or ids, that are read. */
const MAX_KEYS = 1000;
/** More keys than this are shown as far as their next slash, like folders. */
const MANY_KEYS = 50;

/** The topics of the runtime to which a client may append. */
const SPAWNS = ["generator", "duplex", "handler"].map((kind) => `${RUNTIME_PREFIX}${kind}.spawn`);
const TERMINATES = ["generator", "handler"].map((kind) => `${RUNTIME_PREFIX}${kind}.terminate`);

const DURATIONS = ["90s", "15m", "12h", "7d", "4w"];

type Source = (wanted: Wanted) => Promise<Candidates> | Candidates;

/** By the words of the help that stand for a value. */
const SOURCES: Readonly<Record<string, Source>> = {
  TOPIC: topics,
  PATTERN: topics,
  KEY: keys,
  PREFIX: keys,
  ID: async (wanted) => words(await scheduledIds(wanted)),
  NAME: async (wanted) => words(await namesFor(wanted)),
  TTL: ({ text }) => words(ttls(text)),
  MODE: () => words(["bytes", "lines", "sse"] satisfies ChunkMode[]),
  AGE: () => words(DURATIONS),
  // A time for an append is none that counts back.
  TIME: ({ verb }) => (verb === "append" ? NONE : words(DURATIONS)),
  TYPE: () => words(["application/json", "application/octet-stream", "text/html", "text/plain"]),
  JSON: terminated,
  FILE: files,
  FOLDER: files,
  PATH: files,
  // As an option it is the text of a script.
  SCRIPT: ({ isOption }) => (isOption ? NONE : files()),
  ADDR: ({ text, hints, isOption }) =>
    isOption || hints.length === 1 || /^[./~]/.test(text) ? { words: [], paths: "folders" } : NONE,
};

/** Finds what may stand at the cursor; it asks the server of the store where that is needed. */
export async function candidatesFor(wanted: Wanted): Promise<Candidates> {
  const all = await Promise.all(wanted.hints.map((hint) => fromHint(hint, wanted)));
  const paths = all.map((each) => each.paths);
  const found = new Set(all.flatMap((each) => each.words));
  const kind = (["files", "folders"] as const).find((each) => paths.includes(each)) ?? "none";
  // Ids and hashes are nothing that anybody completes, so the address is offered.
  const isAddress = found.size === 0 && wanted.text === "" && wanted.hints.includes("ADDR");
  const words = [...found].filter((word) => wanted.fits(word));
  return { words, paths: kind === "none" && isAddress ? "folders" : kind };
}

function fromHint(hint: string, wanted: Wanted): Promise<Candidates> | Candidates {
  const source = Object.hasOwn(SOURCES, hint) ? SOURCES[hint] : undefined;
  // Lower case stands for itself.
  return source
    ? source(wanted)
    : words(hint.split("|").filter((word) => /^(?:[a-z0-9][a-z0-9-]*|\*)$/.test(word)));
}

function words(list: readonly string[]): Candidates {
  return { words: list, paths: "none" };
}

function files(): Candidates {
  return { words: [], paths: "files" };
}

function ttls(text: string): string[] {
  if (text.startsWith("time:")) return DURATIONS.map((duration) => `time:${duration}`);
  if (text.startsWith("last:")) return [1, 10, 100].map((count) => `last:${count}`);
  return ["forever", "ephemeral", "time:", "until:", "last:"];
}

async function topics({ text, isOption, verb, address }: Wanted): Promise<Candidates> {
  // A list of topics: only its last one is completed.
  const start = verb === "append" ? 0 : text.lastIndexOf(",") + 1;
  const last = text.slice(start);
  const query = new URLSearchParams({ order: "desc", limit: String(NEWEST_FRAMES) });
  // Below a dot also topics that the newest frames do not have.
  const dot = last.lastIndexOf(".");
  if (dot > 0) query.set("topic", `${last.slice(0, dot)}.*`);
  const found = await namesIn(address, `/?${query}`, (line) => {
    return /^\{"topic":"([^"\\]+)"/.exec(line)?.[1];
  });
  const isOwn = (topic: string) => !topic.startsWith(RUNTIME_PREFIX);
  const list = found.filter((topic) => last !== "" || isOwn(topic));
  const all =
    verb === "append" && !isOption
      ? [...list.filter(isOwn), ...(last === "" ? [] : [...SPAWNS, ...TERMINATES])]
      : list;
  return words(all.toSorted().map((topic) => text.slice(0, start) + topic));
}

async function keys({ text, address }: Wanted): Promise<Candidates> {
  const path = `/kv?${new URLSearchParams({ prefix: text })}`;
  const keyIn = (line: string) => {
    const { key } = JSON.parse(line) as { key: string };
    return text !== "" || !key.startsWith(RUNTIME_PREFIX) ? key : undefined;
  };
  const found = await namesIn(address, path, keyIn, MAX_KEYS);
  if (found.length <= MANY_KEYS) return words(found);
  const toSlash = (key: string) => {
    const slash = key.indexOf("/", text.length);
    return slash < 0 ? key : key.slice(0, slash + 1);
  };
  return words([...new Set(found.map(toSlash))]);
}

/** The names of the processors that run: of the kind that the verb is about, or of both. */
function processorNames({ verb, address }: Pick<Wanted, "verb" | "address">) {
  const [about] = verb.split(" ");
  const isAboutBoth = about !== "handler" && about !== "generator";
  // A command about what runs not may want those too.
  return namesIn(address, "/ps?all=true", (line) => {
    const { kind, name } = JSON.parse(line) as { kind: string; name: string };
    return isAboutBoth || about === kind ? name : undefined;
  });
}

/** The ids of scheduled appends, where one is taken back. Nobody completes the ids of frames. */
async function scheduledIds({ verb, address }: Wanted): Promise<string[]> {
  if (verb !== "scheduled rm") return [];
  const idIn = (line: string) => (JSON.parse(line) as { scheduled: string }).scheduled;
  return namesIn(address, "/-/scheduled", idIn, MAX_KEYS);
}

/** The names that a verb takes: those of processors, or of tokens. */
async function namesFor({ verb, address }: Wanted): Promise<string[]> {
  // A new token has a new name.
  if (verb === "token add") return [];
  if (verb !== "token rm") return processorNames({ verb, address });
  return namesIn(address, "/-/tokens", (line) => (JSON.parse(line) as { name: string }).name);
}

/**
 * The names in the lines of an answer, each once.
 *
 * @param nameIn finds the name in a line; undefined where it is not wanted
 * @param most names, after which it reads no further
 */
async function namesIn(
  address: string | undefined,
  path: string,
  nameIn: (line: string) => string | undefined,
  most = Infinity,
): Promise<string[]> {
  const names = new Set<string>();
  await askLines(address, path, (line) => {
    const name = nameIn(line);
    if (name !== undefined) names.add(name);
    return names.size < most;
  });
  return [...names];
}

/** The meta of a frame that ends a processor. */
async function terminated({ positionals, address }: Wanted): Promise<Candidates> {
  const topic = TERMINATES.find((name) => name === positionals[0]);
  if (topic === undefined) return NONE;
  const verb = topic.split(".")[2] ?? "";
  const names = await processorNames({ verb, address });
  return words(names.map((name) => JSON.stringify({ topic: name })));
}
