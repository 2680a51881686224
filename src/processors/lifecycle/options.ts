import { quoted, XsError } from "../../core/error.ts";
import { HTTP_REQUEST, HTTP_TOPICS } from "../../core/http.ts";
import { parseId } from "../../core/id.ts";
import type { Json } from "../../core/json.ts";
import { unknownKeys } from "../../core/known-keys.ts";
import { parseTopicFilter } from "../../core/pattern.ts";
import { parseTopic, RUNTIME_PREFIX } from "../../core/topic.ts";
import { FOREVER, parseAskedTtl, type Ttl } from "../../core/ttl.ts";
import { DECLARED } from "../../sdk/handler-keys.ts";
import type { Kind } from "./registry.ts";

/** The reason why a processor cannot run as its spawn asks: the reason of its `.invalid`. */
export class Invalid extends Error {
  override readonly name = "Invalid";
}

/** The runtimes that a spawn may name. */
export const RUNTIMES = ["ts", "nu", "exec", "sh"] as const;
export type Runtime = (typeof RUNTIMES)[number];

const RESTARTS = ["always", "on-failure", "never"] as const;
/** When the runtime starts a program again that has ended by itself. */
export type Restart = (typeof RESTARTS)[number];

const ON_ERRORS = ["fail", "skip", "retry"] as const;
/**
 * The effect of a failure on a frame: `fail` ends the handler, `skip` passes the frame over, `retry` hands it over again,
 * and passes it over after a number of times.
 */
export type OnError = (typeof ON_ERRORS)[number];

/** When a generator runs, as the meta of its spawn asks for it. */
export interface ScheduleOptions {
  /** A duration, or a cron line of five fields. */
  readonly every: string;
  /** The time zone of a cron line, as in "Europe/Berlin"; without it, the zone of this process. */
  readonly tz?: string;
}

/** The options in the meta of a spawn, without the name and without those of handlers. */
export interface SpawnOptions {
  readonly runtime?: Runtime;
  readonly restart: Restart;
  /** Of the frames NAME.recv or NAME.out. */
  readonly ttl: Ttl;
  /** Of a generator that runs at certain times; undefined for one that runs all the time. */
  readonly schedule: ScheduleOptions | undefined;
  /** It goes on where the processor of its name was, with its cursor and its state. */
  readonly resume: boolean;
}

/** The options of a handler, from its script and from the meta of its spawn. */
export interface HandlerOptions {
  /** Scopes; undefined for every topic. */
  readonly topics: readonly string[] | undefined;
  /** `tail`, `first`, or an id to start after. */
  readonly start: string;
  /** The first state; undefined for a handler without state. */
  readonly initial: Json | undefined;
  /** The interval of pulses, in ms. */
  readonly pulse: number | undefined;
  /** The effect of a failure on a frame; undefined where the topic of the frame decides. */
  readonly onError: OnError | undefined;
  /** How often `retry` hands a frame over again. */
  readonly retries: number;
  /** How many frames the handler may work on at once. */
  readonly concurrency: number;
  /** The program asks for lines at the end of each batch and after each commit. */
  readonly batches: boolean;
  /** The handler gets a frame only after the commit of the frame before it. */
  readonly oneByOne: boolean;
}

/** A shorter pulse would leave no time to handle its frame. */
const MIN_PULSE_MS = 10;
const MAX_CONCURRENCY = 1000;
const USUAL_RETRIES = 10;
/** With a minute between two of them, about a week. */
const MAX_RETRIES = 10_000;

/** The keys that a script may declare. Only a script knows the lines of batches, so no spawn may ask for them. */
const READY_KEYS = [...DECLARED, "batches"];
/** The keys of the meta of a spawn, by the kind. */
const SPAWN_KEYS: { readonly [kind in Kind]: readonly string[] } = {
  handler: ["topic", "runtime", "restart", "ttl", "resume", ...DECLARED],
  generator: ["topic", "duplex", "runtime", "restart", "ttl", "every", "tz", "resume"],
};

/** The last part of the topics below a processor's name: its output, and a generator's input. */
const LAST_PARTS: { readonly [kind in Kind]: readonly string[] } = {
  handler: ["out", "error", "stderr"],
  generator: ["recv", "send", "stderr"],
};

/** Checks that the topics below a name are valid and belong to neither runtime nor gateway. @throws Invalid */
export function checkName(kind: Kind, name: string): void {
  for (const last of LAST_PARTS[kind]) {
    const topic = refused(() => parseTopic(`${name}.${last}`));
    const owner = topic.startsWith(RUNTIME_PREFIX)
      ? "the runtime"
      : HTTP_TOPICS.has(topic)
        ? "the gateway"
        : undefined;
    if (owner !== undefined)
      throw new Invalid(
        `the name ${quoted(name)} is not free: ${topic} is a topic of ${owner}. Give it another`,
      );
  }
}

/** Reads the meta of a spawn of a kind. @throws Invalid */
export function parseSpawnOptions(given: Json, kind: Kind): SpawnOptions {
  // A handler that appends a spawn adds the first two keys, and the API the last one where it came with a token.
  const { handler_id: _, frame_id: __, by: ___, ...meta } = objectIn(given, "meta");
  onlyKnown(meta, SPAWN_KEYS[kind], "the meta of its spawn");
  const { runtime, restart = "always", ttl = "forever" } = meta;
  const { duplex = false, resume = false } = meta;
  trueOrFalse(duplex, "duplex");
  if (typeof ttl !== "string") throw new Invalid(`ttl ${quoted(JSON.stringify(ttl))} is no text`);
  return {
    ...(runtime !== undefined && { runtime: oneOf(RUNTIMES, runtime, "runtime") }),
    restart: oneOf(RESTARTS, restart, "restart"),
    ttl: ttl === "forever" ? FOREVER : refused(() => parseAskedTtl(ttl)),
    schedule: scheduleIn(meta),
    resume: trueOrFalse(resume, "resume"),
  };
}

function scheduleIn(meta: { [key: string]: Json }): ScheduleOptions | undefined {
  const { every, tz } = meta;
  if (tz !== undefined && typeof tz !== "string")
    throw new Invalid('tz is the name of a time zone, as in "Europe/Berlin"');
  if (every === undefined) {
    if (tz === undefined) return undefined;
    throw new Invalid("tz is the time zone of a cron line in every, and there is no every");
  }
  // A shell makes a number of the text 90: the reason says then what is missing.
  const text = typeof every === "number" ? String(every) : every;
  if (typeof text !== "string")
    throw new Invalid('every is a text: a duration as in "1h", or a cron line as in "0 9 * * *"');
  if (meta.restart !== undefined)
    throw new Invalid(
      "restart does not go with every: after each run, well or not, the next slot follows. Leave restart out",
    );
  return { every: text, ...(tz !== undefined && { tz }) };
}

/** The reason why a duplex generator has no schedule. */
export const DUPLEX_WITH_SCHEDULE =
  "a duplex generator waits for input all the time, and every is for one that runs at times: leave out duplex or every";

/** The reason why a spawn with `resume` is invalid. */
export function nothingToResume(kind: Kind, name: string): Invalid {
  return new Invalid(
    `there is no ${kind} ${quoted(name)} to resume: none has run, or it was removed. Leave resume out`,
  );
}

/** Reads the options of a handler. The meta of its spawn overrides the declaration of its script. @throws Invalid */
export function parseHandlerOptions(declared: Json, meta: Json): HandlerOptions {
  const script = objectIn(declared, "the options of the handler");
  onlyKnown(script, READY_KEYS, "the record of the handler");
  const options = { ...script, ...objectIn(meta, "meta") };
  const { initial, pulse, on_error: onError, retries, start = "tail" } = options;
  const { concurrency = 1, batches = false, one_by_one: oneByOne = false } = options;
  if (typeof start !== "string") throw new Invalid('start is "tail", "new", "first" or an id');
  const workers = wholeNumber(concurrency, "concurrency", 1, MAX_CONCURRENCY);
  if (workers > 1 && initial !== undefined) {
    throw new Invalid("concurrency is for a handler without state: leave initial out");
  }
  if (onError === "retry" && workers > 1) {
    throw new Invalid(
      'on_error "retry" holds later frames back while it tries one again: leave concurrency out',
    );
  }
  if (retries !== undefined && onError === undefined) {
    throw new Invalid('retries goes with on_error "retry"');
  }
  return {
    topics: topicsOf(options.topics),
    start:
      start === "tail" || start === "new"
        ? "tail"
        : start === "first"
          ? start
          : refused(() => parseId(start)),
    initial,
    pulse: pulse === undefined ? undefined : wholeNumber(pulse, "pulse", MIN_PULSE_MS, 2 ** 31 - 1),
    onError: onError === undefined ? undefined : oneOf(ON_ERRORS, onError, "on_error"),
    retries:
      retries === undefined ? USUAL_RETRIES : wholeNumber(retries, "retries", 1, MAX_RETRIES),
    concurrency: workers,
    batches: trueOrFalse(batches, "batches"),
    oneByOne: trueOrFalse(oneByOne, "one_by_one"),
  };
}

/**
 * Whether a handler goes on after a failure on a frame, once no retry is left. By default, a request over HTTP does not end
 * it: any visitor could end a site.
 *
 * @param topic of the frame, where it is known
 */
export function passesOver(
  options: HandlerOptions | undefined,
  topic: string | undefined,
): boolean {
  return (options?.onError ?? (topic === HTTP_REQUEST ? "skip" : "fail")) !== "fail";
}

/** Parses a list of topics, or one text as a read takes it, to scopes; undefined for all. @throws Invalid */
function topicsOf(topics: Json | undefined): readonly string[] | undefined {
  if (topics === undefined) return undefined;
  const list = typeof topics === "string" ? [topics] : topics;
  if (!Array.isArray(list) || !list.every((topic) => typeof topic === "string")) {
    throw new Invalid('topics is a list of topics, as in ["ping", "note.*"], or one text');
  }
  if (list.length === 0) {
    throw new Invalid("topics is empty: name a topic, or leave it out to get every frame");
  }
  return refused(() => parseTopicFilter(list.join(",")));
}

function onlyKnown(value: object, known: readonly string[], what: string): void {
  const problem = unknownKeys(value, known, what);
  if (problem !== undefined) throw new Invalid(problem);
}

function objectIn(value: Json, what: string): { [key: string]: Json } {
  if (value === null) return {};
  if (typeof value === "object" && !Array.isArray(value)) return value;
  throw new Invalid(`${what}: ${quoted(JSON.stringify(value))} is not an object`);
}

function oneOf<T extends string>(known: readonly T[], value: Json, name: string): T {
  const found = known.find((each) => each === value);
  if (found !== undefined) return found;
  const given = quoted(typeof value === "string" ? value : JSON.stringify(value));
  throw new Invalid(`${name} ${given} is not one of ${known.join(", ")}`);
}

function trueOrFalse(value: Json, name: string): boolean {
  if (typeof value === "boolean") return value;
  throw new Invalid(`${name} is true or false`);
}

function wholeNumber(value: Json, name: string, least: number, most: number): number {
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most)
    return Number(value);
  throw new Invalid(`${name} is a whole number from ${least} to ${most}`);
}

/** Runs a parser over an option. @throws Invalid in place of an XsError */
export function refused<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof XsError) throw new Invalid(error.message);
    throw error;
  }
}
