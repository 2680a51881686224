// Types for scripts that xs runs. Put this file beside a script, for completion in an editor:
//
//     /// <reference path="./xs.d.ts" />
//     export default { topics: ["ping"], run: (frame) => ({ out: { pong: frame.id } }) } satisfies XsHandler;

type XsJson = null | boolean | number | string | XsJson[] | { [key: string]: XsJson };

/** One event. */
interface XsFrame {
  topic: string;
  /** A SCRU128 id; ids order the log. */
  id: string;
  /** The hash of the content, for `xs.text(hash)` and `xs.cas(hash)`; null for a frame without content. */
  hash: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: scripts know what their own frames hold
  meta: any;
  /** `forever`, `ephemeral`, `time:<ms>`, `until:<ms>` or `last:<n>`. */
  ttl: string;
}

/** A frame with its content, as `xs.cat({ content: true })` yields it: one key more, unless `hash` is null. */
interface XsContentFrame extends XsFrame {
  /** The content, if it is text in UTF-8. */
  content?: string;
  /** The content in base64, if it is not UTF-8. */
  content_base64?: string;
  /** The size in bytes, if the content is larger than 256 KiB: use `xs.cas(hash)`. */
  content_size?: number;
  /** The code of the error, if the content is damaged or missing. */
  content_error?: string;
}

/** Content, or a value of the k/v store: xs stores text and bytes as they are, and anything else as JSON. */
type XsContent = string | Uint8Array | XsJson;

/** An entry of the k/v store, as `xs.kv.list` yields it. */
interface XsEntry {
  key: string;
  /** The id of its newest write; undefined while that is not committed yet. */
  rev?: string;
  /** Of the value, in bytes. */
  size: number;
  /** The media type of the value. */
  type: string;
  /** The handler that wrote it; undefined for a client. */
  by?: string;
}

interface XsReadOptions {
  /** Start after this id. */
  lastId?: string;
  /** Start at this id. */
  from?: string;
  /** Only frames of this time or later: a date (UTC), RFC 3339, or an age like `15m`, `2h`, `7d`. */
  since?: string | Date;
  /** Only frames from before this time. */
  until?: string | Date;
  /** Skip history; needs `follow` or `wait`. */
  tail?: boolean;
  /** If the history has nothing, wait for the first frame, at most this long in ms; then end. */
  wait?: number;
  /** Stay live. */
  follow?: boolean;
  /** The interval of a heartbeat, in ms; implies `follow`. */
  pulse?: number;
  limit?: number;
  /** Only this many of the newest frames. */
  last?: number;
  /** A pattern: `a.b`, `a.*`, `*.b`; or several, of which `!a.b` takes topics away. */
  topic?: string | string[];
  order?: "asc" | "desc";
  /** Adds the content to each frame, up to 256 KiB of it. */
  content?: boolean;
}

/** How to read one frame. */
interface XsFrameOptions {
  /** Adds the content to the frame, up to 256 KiB of it. */
  content?: boolean;
}

interface XsAppendOptions {
  meta?: XsJson;
  /** As in frames; `time:` takes a duration as well, like `time:7d`, and `until:` a date, like `until:2026-12-24`. */
  ttl?: string;
  /**
   * Another time than now: RFC 3339, or a date (UTC). For one to come, the server appends the frame then; one that has
   * passed is the time of the frame's id.
   */
  at?: string | Date;
}

/** A response to an `http.request`. */
interface XsResponse {
  /** The default is 200. */
  status?: number;
  headers?: Record<string, string | string[]>;
  /** Text and bytes are sent as they are, anything else as JSON. */
  body?: XsContent;
}

/** The store, for a script. */
interface Xs {
  /** Resolves to one frame; undefined if there is none. With `content`, the frame has its content. */
  get(id: string, options: { content: true }): Promise<XsContentFrame | undefined>;
  get(id: string, options?: XsFrameOptions): Promise<XsFrame | undefined>;
  /** Reads frames in order; with `content`, each with its content. */
  cat(options: XsReadOptions & { content: true }): AsyncIterableIterator<XsContentFrame>;
  cat(options?: XsReadOptions): AsyncIterableIterator<XsFrame>;
  /** The newest frame, of a topic or of all. */
  last(topic: string | undefined, options: { content: true }): Promise<XsContentFrame | undefined>;
  last(topic?: string, options?: XsFrameOptions): Promise<XsFrame | undefined>;
  /** The oldest frame, of a topic or of all. */
  first(topic: string | undefined, options: { content: true }): Promise<XsContentFrame | undefined>;
  first(topic?: string, options?: XsFrameOptions): Promise<XsFrame | undefined>;
  /** The time of a frame, or of an id, in ms. */
  time(frame: XsFrame | string): Date;
  /** Resolves to content as bytes; rejects if the store does not have it. */
  cas(hash: string): Promise<Uint8Array>;
  /** Resolves to content as text; rejects if the store does not have it. */
  text(hash: string): Promise<string>;
  /**
   * Appends a frame. A handler's frame is committed together with all other effects of the frame it handles,
   * or not at all.
   */
  append(topic: string, content?: XsContent | null, options?: XsAppendOptions): Promise<void>;
  /**
   * Removes a frame for good; no error if there is none. A handler's removal is committed together with all
   * other effects of the frame it handles, or not at all.
   */
  remove(frame: XsFrame | string): Promise<void>;
  /**
   * Answers an `http.request`. With `more`, the next call continues the response; the first call without
   * `more` ends it.
   */
  respond(request: XsFrame | string, response: XsResponse & { more?: boolean }): Promise<void>;
  kv: {
    /** Resolves to a value: JSON parsed, other text as text, anything else as bytes; undefined if there is none. */
    // biome-ignore lint/suspicious/noExplicitAny: scripts know what their own values hold
    get(key: string): Promise<any>;
    /** Lists the entries whose keys begin with a prefix, in the order of the keys; all if it is left out. */
    list(prefix?: string): AsyncIterableIterator<XsEntry>;
    put(key: string, value: XsContent): Promise<void>;
    delete(key: string): Promise<void>;
  };
}

/**
 * The result of a handler for a frame. Returning nothing keeps the state and writes nothing. xs awaits
 * promises in it; a value that JSON cannot express (a Map, a BigInt, NaN) is an error of the frame.
 */
interface XsResult<State> {
  /** Becomes a frame NAME.out: an object as its meta, text or bytes as its content. */
  out?: unknown;
  /** The next state. */
  next?: State;
  /** The response, if the frame is an `http.request`. */
  response?: XsResponse;
}

// biome-ignore lint/suspicious/noConfusingVoidType: a handler need not return anything
type XsReturn<State> = XsResult<State> | undefined | null | void;

type XsRun<State> = (
  frame: XsFrame,
  state: State,
  xs: Xs,
) => XsReturn<State> | Promise<XsReturn<State>>;

/** A handler: the default export of its script. A bare function is a handler without state. */
interface XsHandler<State = undefined> {
  /** Patterns of the topics it handles, as in `["*.recv", "!tcp.recv"]`, or one text; the default is all topics. */
  topics?: string | string[];
  /** `tail` (from its spawn on, the default; also `new`), `first`, or the id to start after. */
  start?: string;
  /** The first state: JSON. */
  initial?: State;
  /** The interval of frames `stream.cross.pulse`, in ms. */
  pulse?: number;
  /**
   * The consequence if `run` throws: `fail` ends the handler, `skip` writes NAME.error and goes on, `retry` runs the
   * same frame again, after 1 s, 2 s and so on up to a minute, and skips it after `retries` times. The default is
   * `skip` for an `http.request` and `fail` for other frames.
   */
  on_error?: "fail" | "skip" | "retry";
  /** How often `retry` runs a frame again before it skips it; the default is 10. */
  retries?: number;
  /** How many frames a handler without state handles at once. */
  concurrency?: number;
  /** The next frame comes only after the effects of the previous one are committed. */
  one_by_one?: boolean;
  run: XsRun<State>;
}

/**
 * A generator: the default export of its script. Each value becomes a frame NAME.recv: an object as its
 * meta, text or bytes as its content. `input` yields the lines that are sent to a duplex generator.
 */
type XsGenerator = (xs: Xs, input: AsyncIterableIterator<string>) => AsyncIterable<unknown>;
