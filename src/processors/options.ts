import { shown, XsError } from "../frame/error.ts";
import type { Json } from "../frame/frame.ts";
import { parseId } from "../frame/id.ts";
import { parseTopicFilter } from "../frame/topic.ts";
import { FOREVER, parseAskedTtl, type Ttl } from "../frame/ttl.ts";

/** Why a processor cannot run as it was asked to: the reason of its `.invalid`. */
export class Invalid extends Error {
  override readonly name = "Invalid";
}

export const RUNTIMES = ["ts", "nu", "exec", "sh"] as const;
export type Runtime = (typeof RUNTIMES)[number];

const RESTARTS = ["always", "on-failure", "never"] as const;
/** When a program that ended by itself runs again. */
export type Restart = (typeof RESTARTS)[number];

/** What the meta of a spawn says, besides the name. */
export interface SpawnOptions {
  readonly runtime?: Runtime;
  readonly restart: Restart;
  /** Of the frames NAME.recv or NAME.out. */
  readonly ttl: Ttl;
}

/** What a handler asks for, in its script or in the meta of its spawn. */
export interface HandlerOptions {
  /** Scopes; undefined for every topic. */
  readonly topics: readonly string[] | undefined;
  /** `tail`, `first`, or an id to start after. */
  readonly start: string;
  /** The first state; undefined for a handler that has none. */
  readonly initial: Json | undefined;
  readonly pulse: number | undefined;
  readonly onError: "fail" | "skip";
  readonly concurrency: number;
  /** The program wants to be told of the ends of batches and of commits. */
  readonly batches: boolean;
  /** A frame is given only when what came of the one before is committed. */
  readonly oneByOne: boolean;
}

/** A pulse has to leave time for its frame. */
const MIN_PULSE = 10;
const MAX_CONCURRENCY = 1000;

/** @throws Invalid */
export function parseSpawnOptions(meta: Json): SpawnOptions {
  const { runtime, restart = "always", ttl = "forever" } = objectIn(meta, "meta");
  return {
    ...(runtime !== undefined && { runtime: oneOf(RUNTIMES, runtime, "runtime") }),
    restart: oneOf(RESTARTS, restart, "restart"),
    ttl: ttl === "forever" ? FOREVER : refused(() => parseAskedTtl(String(ttl))),
  };
}

/**
 * The options of a handler: what its script declares, and over that what the meta of its spawn says.
 *
 * @throws Invalid
 */
export function parseHandlerOptions(declared: Json, meta: Json): HandlerOptions {
  const options = {
    ...objectIn(declared, "the options of the handler"),
    ...objectIn(meta, "meta"),
  };
  const { topics, start = "tail", initial, pulse, on_error: onError = "fail" } = options;
  const { concurrency = 1, batches = false, one_by_one: oneByOne = false } = options;
  if (
    topics !== undefined &&
    !(Array.isArray(topics) && topics.every((t) => typeof t === "string"))
  ) {
    throw new Invalid("topics is a list of topics");
  }
  if (typeof start !== "string") throw new Invalid('start is "tail", "first" or an id');
  const options_: HandlerOptions = {
    topics: topics?.length ? refused(() => parseTopicFilter(topics.join(","))) : undefined,
    start: start === "tail" || start === "first" ? start : refused(() => parseId(start)),
    initial,
    pulse: pulse === undefined ? undefined : wholeNumber(pulse, "pulse", MIN_PULSE, 2 ** 31 - 1),
    onError: oneOf(["fail", "skip"], onError, "on_error"),
    concurrency: wholeNumber(concurrency, "concurrency", 1, MAX_CONCURRENCY),
    batches: batches === true,
    oneByOne: oneByOne === true,
  };
  if (options_.concurrency > 1 && initial !== undefined) {
    throw new Invalid("concurrency is for a handler without state: leave initial out");
  }
  return options_;
}

function objectIn(value: Json, what: string): { [key: string]: Json } {
  if (value === null) return {};
  if (typeof value === "object" && !Array.isArray(value)) return value;
  throw new Invalid(`${what}: ${shown(JSON.stringify(value))} is not an object`);
}

function oneOf<T extends string>(known: readonly T[], value: Json, name: string): T {
  const found = known.find((each) => each === value);
  if (found !== undefined) return found;
  const given = shown(typeof value === "string" ? value : JSON.stringify(value));
  throw new Invalid(`${name} ${given} is not one of ${known.join(", ")}`);
}

function wholeNumber(value: Json, name: string, least: number, most: number): number {
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most)
    return Number(value);
  throw new Invalid(`${name} is a whole number from ${least} to ${most}`);
}

/** Runs what may refuse what was asked for: that makes the processor invalid. */
export function refused<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof XsError) throw new Invalid(error.message);
    throw error;
  }
}
