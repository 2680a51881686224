import { quoted, XsError } from "./error.ts";
import { parseKeyPrefix } from "./key.ts";
import { parseTopicFilter, splitList } from "./pattern.ts";
import { RUNTIME_PREFIX } from "./topic.ts";

/** What a token is for: what it names, and nothing else. */
export interface TokenScope {
  readonly name: string;
  /** Patterns of the topics that it reads. */
  readonly read: readonly string[];
  /** Patterns of the topics to which it appends. */
  readonly append: readonly string[];
  /** The keys that begin with this are read and written. */
  readonly keys: string | null;
  /** The origin whose pages may use it. */
  readonly cors: string | null;
  /** It may also read and append what concerns the runtime, see {@link concernsRuntime}. */
  readonly all: boolean;
}

/** A scope with the days for which a token is valid; undefined for no end. */
export interface TokenRequest extends TokenScope {
  readonly days: number | undefined;
}

/** The most days for which a token is valid. */
const MAX_DAYS = 36_500;
/** The longest origin, in characters. */
const MAX_ORIGIN = 255;

const KEYS = new Set(["name", "read", "append", "keys", "cors", "days", "all"]);

/** Checks the name of a token. @throws XsError `bad_token` */
export function parseTokenName(text: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(text)) return text;
  throw bad(
    `the name ${quoted(text)} is not 1 to 64 letters, digits, '_', '.' and '-', with no '.' or '-' at its begin`,
  );
}

/** Checks what a token is asked to be for. @param value as JSON has it @throws XsError `bad_token` */
export function parseTokenRequest(value: unknown): TokenRequest {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw bad('a token is asked for with a JSON object, as in {"name":"phone","read":["note.*"]}');
  }
  const given = value as Record<string, unknown>;
  const unknown = Object.keys(given).find((key) => !KEYS.has(key));
  if (unknown !== undefined) {
    throw bad(`a token has no ${quoted(unknown)}; there is ${[...KEYS].join(", ")}`);
  }
  const { name, keys = null, cors = null, days = null, all = false } = given;
  if (typeof name !== "string") throw bad("a token needs a name, which is a text");
  if (typeof all !== "boolean") throw bad("all is true or false");
  const request = {
    name: parseTokenName(name),
    read: patternsIn(given.read, "read", all),
    append: patternsIn(given.append, "append", all),
    keys: prefixIn(keys, all),
    cors: cors === null ? null : parseOrigin(cors),
    all,
    days: daysIn(days),
  };
  if (request.read.length + request.append.length === 0 && request.keys === null) {
    throw bad(`the token ${quoted(name)} may do nothing: say what it is to read, append or keep`);
  }
  return request;
}

function patternsIn(value: unknown, what: string, all: boolean): string[] {
  const list = typeof value === "string" ? [value] : (value ?? []);
  if (!Array.isArray(list) || !list.every((each) => typeof each === "string")) {
    throw bad(`${what} is a list of patterns, as in ["note.*"]`);
  }
  if (list.length === 0) return [];
  const patterns = parsed(() => parseTopicFilter(list.join(","))) ?? ["*"];
  for (const pattern of all ? [] : splitList(patterns).taken) {
    const isInput = what === "append" && pattern.endsWith(".send");
    if (!isInput && !pattern.startsWith(RUNTIME_PREFIX)) continue;
    const whose = isInput ? "is the input of a duplex generator" : "belongs to the runtime";
    throw bad(`${quoted(pattern)} ${whose}, and only a token with all may ${what} that: add --all`);
  }
  return patterns;
}

function prefixIn(value: unknown, all: boolean): string | null {
  if (value === null) return null;
  if (typeof value !== "string") throw bad("keys is a prefix of keys, as in phone/");
  const prefix = parsed(() => parseKeyPrefix(value));
  if (!all && prefix === "") {
    throw bad("an empty prefix of keys is every key, which only a token with all may have");
  }
  if (!all && prefix.startsWith(RUNTIME_PREFIX)) {
    throw bad(`the keys below ${RUNTIME_PREFIX} belong to the runtime: name another prefix`);
  }
  return prefix;
}

function daysIn(value: unknown): number | undefined {
  if (value === null) return undefined;
  if (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_DAYS) {
    return Number(value);
  }
  throw bad(`days is a whole number from 1 to ${MAX_DAYS}`);
}

/** Checks an origin, and returns it as browsers send it. @throws XsError `bad_token` */
function parseOrigin(value: unknown): string {
  const text = typeof value === "string" ? value : "";
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\/[^/?#@\\\s*]+\/?$/i.exec(text) ?? [];
  if (scheme !== undefined && text.length <= MAX_ORIGIN) {
    const plain = text.replace(/\/$/, "").toLowerCase();
    if (!/^https?$/i.test(scheme)) return plain;
    // Browsers leave the default port out, and write other letters as xn--.
    const origin = URL.canParse(plain) ? new URL(plain).origin : "null";
    if (origin !== "null") return origin;
  }
  throw bad(
    `cors ${quoted(String(value))} is no origin: it is the one site whose pages may use the token, as in https://app.example or http://localhost:5173`,
  );
}

/** Runs a parser over a member. @throws XsError `bad_token` in place of its error */
function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof XsError ? bad(error.message) : error;
  }
}

function bad(problem: string): XsError {
  return new XsError("bad_token", problem);
}
