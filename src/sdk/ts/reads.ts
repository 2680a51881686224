import { XsError } from "../../core/error.ts";
import { parseHash } from "../../core/hash.ts";
import { parseId, timestampOf } from "../../core/id.ts";
import { parseKey, parseKeyPrefix } from "../../core/key.ts";
import { unknownKeys } from "../../core/known-keys.ts";
import { parseTopicFilter } from "../../core/pattern.ts";
import { textLines } from "../../lib/lines.ts";
import type { Ask } from "../../net/http-client.ts";
import { bytesIn, chunksIn, textIn } from "../../net/text-body.ts";
import { decodeValue } from "./content.ts";

/** The options of `cat`. */
const READ_OPTIONS = [
  "lastId",
  "from",
  "since",
  "until",
  "wait",
  "tail",
  "follow",
  "pulse",
  "limit",
  "last",
  "topic",
  "order",
  "content",
] as const satisfies readonly (keyof XsReadOptions)[];

/** The reading half of `Xs`, over the API. */
export class Reads {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  time(frame: XsFrame | string): Date {
    return dateOf(frame);
  }

  get(id: string, options?: XsFrameOptions): Promise<XsFrame | undefined> {
    return this.#frame("get", `/${parseId(textOf(id, "id"))}`, options);
  }

  last(topic?: string, options?: XsFrameOptions): Promise<XsFrame | undefined> {
    const path = topic === undefined ? "/last" : `/last/${filterOf(topic)}`;
    return this.#frame("last", path, options);
  }

  first(topic?: string, options?: XsFrameOptions): Promise<XsFrame | undefined> {
    const path = topic === undefined ? "/first" : `/first/${filterOf(topic)}`;
    return this.#frame("first", path, options);
  }

  async *cat(options: XsReadOptions = {}): AsyncIterableIterator<XsFrame> {
    const unknown = unknownKeys(options, READ_OPTIONS, "cat");
    if (unknown !== undefined) throw new XsError("bad_option", unknown);
    const { lastId, since, until, topic, follow, pulse, content, ...rest } = options;
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(rest)) {
      if (value !== undefined) query.set(name, String(value));
    }
    if (lastId !== undefined) query.set("last-id", lastId);
    if (since !== undefined) query.set("since", timeOf(since, "since"));
    if (until !== undefined) query.set("until", timeOf(until, "until"));
    if (topic !== undefined) query.set("topic", [topic].flat().join(","));
    checkContent(content, "cat");
    if (content) query.set("content", "inline");
    if (follow || pulse !== undefined) query.set("follow", String(pulse ?? true));
    const response = await this.#ask(`/?${query}`);
    for await (const lines of textLines(chunksIn(response))) {
      for (const line of lines) yield JSON.parse(line) as XsFrame;
    }
  }

  async cas(hash: string): Promise<Uint8Array> {
    return bytesIn(await this.#content(hash));
  }

  async text(hash: string): Promise<string> {
    return textIn(await this.#content(hash));
  }

  async value(key: string): Promise<unknown> {
    const response = await absent(this.#ask(pathOf(key)));
    if (!response) return undefined;
    return decodeValue(await bytesIn(response), response.headers.get("content-type") ?? "");
  }

  /** The entries whose keys begin with a prefix. */
  async *entries(prefix = ""): AsyncIterableIterator<XsEntry> {
    const query = new URLSearchParams({ prefix: prefixOf(prefix) });
    const response = await this.#ask(`/kv?${query}`);
    for await (const lines of textLines(chunksIn(response))) {
      for (const line of lines) yield JSON.parse(line) as XsEntry;
    }
  }

  async #content(hash: string): Promise<Response> {
    return this.#ask(`/cas/${parseHash(textOf(hash, "hash"))}`);
  }

  async #frame(
    name: string,
    path: string,
    options: XsFrameOptions = {},
  ): Promise<XsFrame | undefined> {
    checkFrameOptions(options, name);
    const query = options.content ? "?content=inline" : "";
    const response = await absent(this.#ask(`${path}${query}`));
    return response && (JSON.parse(await textIn(response)) as XsFrame);
  }
}

/** Checks the options of a function that reads one frame. @throws XsError `bad_option` */
export function checkFrameOptions(options: XsFrameOptions, name: string): void {
  const unknown = unknownKeys(options, ["content"], name);
  if (unknown !== undefined) throw new XsError("bad_option", unknown);
  checkContent(options.content, name);
}

function checkContent(content: unknown, name: string): void {
  if (content === undefined || typeof content === "boolean") return;
  throw new XsError("bad_option", `the option content of ${name} is true or false`);
}

/** The text of a time from a script. @throws XsError `bad_option` for a date that is none */
export function timeOf(given: string | Date, name: "since" | "until" | "at"): string {
  if (!(given instanceof Date)) return String(given);
  if (!Number.isNaN(given.getTime())) return given.toISOString();
  throw new XsError("bad_option", `the option ${name} is a Date without a time`);
}

// A script may pass on text from a stranger: a hash like "../kv/secret" must not reach another route.

/** Checks that a topic, id, hash, key or ttl from a script is a text. @throws XsError `bad_topic` and so on */
export function textOf(given: unknown, what: "topic" | "id" | "hash" | "key" | "ttl"): string {
  if (typeof given === "string") return given;
  const kind = Array.isArray(given)
    ? "a list"
    : given && typeof given === "object"
      ? "an object"
      : String(given);
  const problem = `the ${what} is ${kind}, and has to be a text`;
  throw new XsError(`bad_${what}`, problem);
}

/** The id of a frame, which a script names by the frame itself or by its id. @throws XsError `bad_id` */
export function idOf(given: XsFrame | string): string {
  return parseId(textOf(typeof given === "string" ? given : given?.id, "id"));
}

/** The time of a frame, or of an id. @throws XsError `bad_id` */
export function dateOf(given: XsFrame | string): Date {
  return new Date(timestampOf(idOf(given)));
}

/** A prefix of keys from a script. @throws XsError `bad_key` */
export function prefixOf(prefix: string): string {
  return parseKeyPrefix(textOf(prefix, "key"));
}

/** The path of a k/v entry. @throws XsError `bad_key` */
export function pathOf(key: string): string {
  return `/kv/${encodeURIComponent(parseKey(textOf(key, "key")))}`;
}

function filterOf(topic: string): string {
  const text = textOf(topic, "topic");
  parseTopicFilter(text);
  return encodeURIComponent(text);
}

/** Awaits a response; undefined for the error `not_found`. */
async function absent(answer: Promise<Response>): Promise<Response | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof XsError && error.code === "not_found") return undefined;
    throw error;
  }
}
