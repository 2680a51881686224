import { quoted, XsError } from "../../core/error.ts";
import { MAX_DEPTH } from "../../core/json.ts";

/** A value holds a promise: it can be written once {@link settled}. */
export class Unsettled extends XsError {
  constructor(where: string) {
    super("bad_frame", `${where} is a Promise: await it`);
  }
}

/** The reason why a value is no JSON, and its path in the value. */
interface Problem {
  path: string;
  readonly what: string;
}

/** The rules for checking a value. */
interface Look {
  /**
   * The value is a state: the script keeps the object, and after a restart gets it back from its JSON. So it
   * must hold no value that JSON changes, such as a Date.
   */
  readonly isState?: boolean;
  /** The most levels of the value. A deeper value is checked again for references to itself. */
  readonly levels: number;
  /** The objects around the present one, in the check for references to itself. */
  readonly above?: Set<object>;
}

/** For JSON that is part of a line of the protocol. */
const IN_LINE: Look = { levels: MAX_DEPTH };
const STATE: Look = { levels: MAX_DEPTH, isState: true };
/** For JSON that a line carries as text, which may be nested to any depth. */
const AS_TEXT: Look = { levels: 200 };

const DEEP: Problem = { path: "", what: "deep" };
const PROMISE = "a Promise";

/**
 * Encodes a value of a script as JSON. Unlike `JSON.stringify`, it refuses a value that JSON cannot express,
 * instead of omitting it or writing `{}`: the script would silently get another value back.
 *
 * @param what names the value in the message, as the subject of its sentence
 * @throws XsError `bad_frame` if it is no JSON, with the path in the value; Unsettled if it holds a promise
 */
export function jsonOf(value: unknown, what: string): string {
  return written(value, what, IN_LINE);
}

/** Encodes the state of a handler. @throws XsError as {@link jsonOf} */
export function stateJsonOf(value: unknown, what: string): string {
  return written(value, what, STATE);
}

/** Encodes content, or a value of the k/v store. @throws XsError as {@link jsonOf} */
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

/** Calls `use` with a value once its promises are settled. `use` must have no effect when it throws Unsettled. */
export function whenSettled<T>(value: T, use: (value: T) => void): Promise<void> | undefined {
  try {
    use(value);
    return undefined;
  } catch (error) {
    if (!(error instanceof Unsettled)) throw error;
  }
  return settled(value).then((value) => use(value as T));
}

/** Replaces all promises in a value by their results. It rejects with the first rejection. */
export async function settled(value: unknown, above: readonly unknown[] = []): Promise<unknown> {
  const given = await value;
  // A value that refers back to itself is returned as it is: the encoding refuses it.
  if (typeof given !== "object" || given === null || above.includes(given)) return given;
  const path = [...above, given];
  if (Array.isArray(given)) return Promise.all(given.map((each) => settled(each, path)));
  if (!isPlain(given)) return given;
  const members = Object.entries(given).map(async ([key, each]) => [
    key,
    await settled(each, path),
  ]);
  return Object.fromEntries(await Promise.all(members));
}

/** Tells whether a value is a promise, or has a `then`. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";
}

/** Tells whether a value is a plain object, as in JSON, not of a class. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Names the kind of a value in a message: "a Map", "an Array". */
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

/** Refuses an object of a class, unless it has `toJSON`. */
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
