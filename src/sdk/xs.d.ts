// Types for scripts that xs runs. Beside a script, for completion in an editor:
//
//     /// <reference path="./xs.d.ts" />
//     export default { topics: ["ping"], run: (frame) => ({ out: { pong: frame.id } }) } satisfies XsHandler;

type XsJson = null | boolean | number | string | XsJson[] | { [key: string]: XsJson };

/** One event. */
interface XsFrame {
  topic: string;
  /** A SCRU128 id; ids order the log. */
  id: string;
  /** The hash of the content, for `xs.text(hash)` and `xs.cas(hash)`; null where there is none. */
  hash: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: scripts know what their own frames hold
  meta: any;
  /** `forever`, `ephemeral`, `time:<ms>`, `until:<ms>` or `last:<n>`. */
  ttl: string;
}

/** What a script can store as content or as a value: text and bytes as they are, the rest as JSON. */
type XsContent = string | Uint8Array | XsJson;

interface XsReadOptions {
  /** Start after this id. */
  lastId?: string;
  /** Start at this id. */
  from?: string;
  /** Skip history; with `follow`. */
  tail?: boolean;
  /** Stay live. */
  follow?: boolean;
  /** A heartbeat every so many ms; it stays live. */
  pulse?: number;
  limit?: number;
  /** Only the newest so many. */
  last?: number;
  /** `a.b`, `a.*`, or several. */
  topic?: string | string[];
  order?: "asc" | "desc";
}

interface XsAppendOptions {
  meta?: XsJson;
  /** As in frames; `until:` takes a date as well, like `until:2026-12-24`. */
  ttl?: string;
}

/** An answer to an `http.request`. */
interface XsResponse {
  /** 200 if left out. */
  status?: number;
  headers?: Record<string, string | string[]>;
  /** Text and bytes as they are, the rest as JSON. */
  body?: XsContent;
}

/** The store, as a script has it. */
interface Xs {
  /** One frame; undefined if there is none. */
  get(id: string): Promise<XsFrame | undefined>;
  /** Frames in order. */
  cat(options?: XsReadOptions): AsyncIterableIterator<XsFrame>;
  /** The newest frame, of a topic or of all. */
  last(topic?: string): Promise<XsFrame | undefined>;
  /** The oldest frame, of a topic or of all. */
  first(topic?: string): Promise<XsFrame | undefined>;
  /** Content as bytes. Fails where there is none. */
  cas(hash: string): Promise<Uint8Array>;
  /** Content as text. */
  text(hash: string): Promise<string>;
  /**
   * Appends a frame. In a handler it is committed with the rest of what the handler makes of its
   * frame, or not at all.
   */
  append(topic: string, content?: XsContent | null, options?: XsAppendOptions): Promise<void>;
  /**
   * Answers an `http.request`. With `more` the answer goes on with the next call; the call without
   * it ends it.
   */
  respond(request: XsFrame | string, response: XsResponse & { more?: boolean }): Promise<void>;
  kv: {
    /** A value: JSON as what it is, other text as text, the rest as bytes; undefined if there is none. */
    // biome-ignore lint/suspicious/noExplicitAny: scripts know what their own values hold
    get(key: string): Promise<any>;
    put(key: string, value: XsContent): Promise<void>;
    delete(key: string): Promise<void>;
  };
}

/**
 * What a handler may make of a frame. Nothing keeps the state and writes nothing. Promises in it are
 * awaited; what JSON does not have (a Map, a BigInt, NaN) is an error of the frame.
 */
interface XsResult<State> {
  /** Becomes a frame NAME.out: a record as meta, text or bytes as content. */
  out?: unknown;
  /** The next state. */
  next?: State;
  /** The answer, where the frame is an `http.request`. */
  response?: XsResponse;
}

// biome-ignore lint/suspicious/noConfusingVoidType: a handler need not return anything
type XsReturn<State> = XsResult<State> | undefined | null | void;

type XsRun<State> = (
  frame: XsFrame,
  state: State,
  xs: Xs,
) => XsReturn<State> | Promise<XsReturn<State>>;

/** A handler: the default export of its script. A bare function is one without state. */
interface XsHandler<State = undefined> {
  /** Topics it takes, a list or one text; all of them if left out. */
  topics?: string | string[];
  /** `tail` (from its spawn on, the default; also `new`), `first`, or the id to start after. */
  start?: string;
  /** The first state: JSON. */
  initial?: State;
  /** A frame `stream.cross.pulse` every so many ms. */
  pulse?: number;
  /**
   * What a `run` that throws does: end the handler (`fail`), or write NAME.error and go on (`skip`). Left
   * out, it is `skip` for an `http.request` and `fail` for the rest.
   */
  on_error?: "fail" | "skip";
  /** Without state: so many frames at once. */
  concurrency?: number;
  /** A frame comes only when what the one before made is in the store. */
  one_by_one?: boolean;
  run: XsRun<State>;
}

/**
 * A generator: the default export of its script. Each value becomes a frame NAME.recv: a record as
 * meta, text or bytes as content. `input` has the lines of what is sent to a duplex generator.
 */
type XsGenerator = (xs: Xs, input: AsyncIterableIterator<string>) => AsyncIterable<unknown>;
