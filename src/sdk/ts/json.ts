import { quoted, XsError } from "../../core/error.ts";
import { MAX_DEPTH } from "../../core/json.ts";

/** A value holds a promise: it can be written when {@link settled}. */
export class Unsettled extends XsError {
  constructor(where: string) {
    super("bad_frame", `${where} is a Promise: await it`);
  }
}

/** What keeps a value from being JSON, and where in the value it is. */
interface Problem {
  path: string;
  readonly what: string;
}

/** How a value is looked at. */
interface Look {
  /**
   * It lives on in the script as it is, and after a restart as its JSON: it may hold nothing that is
   * another value then, as a Date is.
   */
  readonly isState?: boolean;
  /** The value may have so many levels; beyond it somebody has to ask whether it refers to itself. */
  readonly levels: number;
  /** What is above, where that is asked. */
  readonly above?: Set<object>;
}

/** In a line of the protocol, as a part of it. */
const IN_LINE: Look = { levels: MAX_DEPTH };
const STATE: Look = { levels: MAX_DEPTH, isState: true };
/** As a text: however deep. */
const AS_TEXT: Look = { levels: 200 };

const DEEP: Problem = { path: "", what: "deep" };
const PROMISE = "a Promise";

/**
 * JSON of a value that a script gave. `JSON.stringify` leaves out what it cannot write, or makes `{}`
 * of it: a value would come back as another one, and nobody would know why.
 *
 * @param what the value, for a person: the subject of a sentence
 * @throws XsError `bad_frame` where it has no JSON, with the place; Unsettled where it holds a promise
 */
export function jsonOf(value: unknown, what: string): string {
  return written(value, what, IN_LINE);
}

/** The same for the state of a handler. */
export function stateJsonOf(value: unknown, what: string): string {
  return written(value, what, STATE);
}

/** The same for what becomes content, or a value of the k/v store. */
export function contentJsonOf(value: unknown, what: string): string {
  return written(value, what, AS_TEXT);
}

function written(value: unknown, what: string, look: Look): string {
  let text: string | undefined;
  let problem: Problem | undefined;
  try {
    problem = problemIn(value, look, 0);
    if (problem === DEEP)
      problem = problemIn(value, { ...look, above: new Set() }, 0) ?? tooDeep(look);
    if (problem === undefined) text = JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) throw notJson(`${what} is nested too deep`);
    throw error;
  }
  if (text !== undefined) return text;
  const { path, what: why } = problem ?? noJson("is undefined");
  if (why === PROMISE) throw new Unsettled(`${what}${path}`);
  throw notJson(`${what}${path.length > 200 ? `${path.slice(0, 200)}…` : path} ${why}`);
}

function tooDeep({ levels }: Look): Problem | undefined {
  if (levels > MAX_DEPTH) return undefined;
  return { path: "", what: `is nested deeper than ${MAX_DEPTH} levels: flatten it` };
}

/** Uses a value, once the promises in it are settled; `use` does nothing where it throws Unsettled. */
export function whenSettled<T>(value: T, use: (value: T) => void): Promise<void> | undefined {
  try {
    use(value);
    return undefined;
  } catch (error) {
    if (!(error instanceof Unsettled)) throw error;
  }
  return settled(value).then((value) => use(value as T));
}

/** The value with what its promises give, however deep they are. Rejects as the first that does. */
export async function settled(value: unknown, above: readonly unknown[] = []): Promise<unknown> {
  const given = await value;
  // What refers back to itself is no JSON, and is refused then.
  if (typeof given !== "object" || given === null || above.includes(given)) return given;
  const path = [...above, given];
  if (Array.isArray(given)) return Promise.all(given.map((each) => settled(each, path)));
  if (!isPlain(given)) return given;
  const pairs = Object.entries(given).map(async ([key, each]) => [key, await settled(each, path)]);
  return Object.fromEntries(await Promise.all(pairs));
}

/** Whether something is to be awaited. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";
}

/** An object as JSON has them, not one of a class. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** What a value is, for a person: "a Map", "an Array". */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  const name =
    typeof value === "object" ? (value.constructor?.name ?? "object") : (typeof value as string);
  return `${/^[aeio]/i.test(name) ? "an" : "a"} ${name || "nameless object"}`;
}

function notJson(problem: string): XsError {
  return new XsError("bad_frame", problem);
}

function problemIn(value: unknown, look: Look, depth: number): Problem | undefined {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : noJson(`is ${value}`);
    case "bigint":
      return noJson("is a BigInt");
    case "object":
      break;
    default:
      return noJson(`is a ${typeof value}`);
  }
  if (value === null) return undefined;
  const { above, levels } = look;
  if (!above) return depth === levels ? DEEP : problemBelow(value, look, depth + 1);
  if (above.has(value)) return noJson("refers back to itself");
  above.add(value);
  const problem = problemBelow(value, look, depth + 1);
  above.delete(value);
  return problem;
}

function problemBelow(value: object, look: Look, depth: number): Problem | undefined {
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) {
      const problem = problemIn(value[at], look, depth);
      if (problem !== undefined) return below(`[${at}]`, problem);
    }
    return undefined;
  }
  if (!isPlain(value)) return problemOf(value, look, depth);
  for (const key in value) {
    const problem = problemIn((value as Record<string, unknown>)[key], look, depth);
    if (problem === undefined) continue;
    return below(/^[\w$]+$/.test(key) ? `.${key}` : `[${quoted(key)}]`, problem);
  }
  return undefined;
}

/** An object of a class is no JSON, unless it says how it is written. */
function problemOf(value: object, look: Look, depth: number): Problem | undefined {
  if (isThenable(value)) return { path: "", what: PROMISE };
  if (ArrayBuffer.isView(value)) return noJson(`is ${kindOf(value)}`);
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON !== "function" || look.isState) return noJson(`is ${kindOf(value)}`);
  if (value instanceof Date && Number.isNaN(value.getTime())) return noJson("is an invalid Date");
  return problemIn(toJSON.call(value), look, depth);
}

function below(key: string, problem: Problem): Problem {
  if (problem !== DEEP) problem.path = key + problem.path;
  return problem;
}

function noJson(what: string): Problem {
  return { path: "", what: `${what}, which cannot be written as JSON` };
}
