import { XsError } from "../frame/error.ts";
import { encodeMeta, type Json } from "../frame/frame.ts";
import { MAX_VALUE, parseClientKey } from "../frame/key.ts";
import { parseClientTopic } from "../frame/topic.ts";
import { parseAskedTtl } from "../frame/ttl.ts";
import { encodeContent, encodeResponse, encodeValue, jsonOf } from "../script/content.ts";
import type { Reads } from "../script/reads.ts";

/** What the work on a frame needs of the handler around it. */
export interface WorkSession {
  /** A value, as the handler itself left it. */
  value(key: string): Promise<unknown>;
  /** The frame of this id wrote a pair, or deleted it. */
  overlay(id: string, key: string, pair: { bytes: Uint8Array; type: string } | undefined): void;
  /** For reads of the log, which show what the frames before this one did. */
  reads(work: Work): Promise<Reads>;
}

/** What is known of one frame while the script works on it. */
export class Work implements Xs {
  readonly frame: XsFrame;
  /** It read the log while frames before it were not committed: it has to be run again. */
  tooEarly = false;
  readonly #session: WorkSession;
  /** Lines of the protocol; undefined when the frame is over. */
  #effects: string[] | undefined = [];

  constructor(session: WorkSession, frame: XsFrame) {
    this.#session = session;
    this.frame = frame;
  }

  get kv(): Xs["kv"] {
    const session = this.#session;
    return {
      get: (key) => session.value(key),
      put: async (key, value) => {
        const { bytes, type } = encodeValue(value);
        if (bytes.length > MAX_VALUE) {
          throw new XsError("body_too_large", `a value is at most ${MAX_VALUE} bytes`);
        }
        this.#write(
          `{"put":${JSON.stringify({ key: parseClientKey(key), base64: Buffer.from(bytes).toString("base64"), type })}`,
        );
        session.overlay(this.frame.id, key, { bytes, type });
      },
      delete: async (key) => {
        this.#write(`{"delete":${JSON.stringify(parseClientKey(key))}`);
        session.overlay(this.frame.id, key, undefined);
      },
    };
  }

  /** Ends the work on the frame, and gives what it writes. */
  end(): string[] {
    const effects = this.#effects ?? [];
    this.#effects = undefined;
    return effects;
  }

  async get(id: string): Promise<XsFrame | undefined> {
    return (await this.#session.reads(this)).get(id);
  }

  async *cat(options?: XsReadOptions): AsyncIterableIterator<XsFrame> {
    yield* (await this.#session.reads(this)).cat(options);
  }

  async last(topic?: string): Promise<XsFrame | undefined> {
    return (await this.#session.reads(this)).last(topic);
  }

  async first(topic?: string): Promise<XsFrame | undefined> {
    return (await this.#session.reads(this)).first(topic);
  }

  async cas(hash: string): Promise<Uint8Array> {
    return (await this.#session.reads(this)).cas(hash);
  }

  async text(hash: string): Promise<string> {
    return (await this.#session.reads(this)).text(hash);
  }

  async append(
    topic: string,
    content?: XsContent | null,
    { meta = null, ttl }: XsAppendOptions = {},
  ): Promise<void> {
    if (meta !== null && (typeof meta !== "object" || Array.isArray(meta))) {
      throw new XsError("bad_meta", "the meta of what a handler appends is an object, or left out");
    }
    const append = {
      topic: parseClientTopic(topic),
      meta: checkedMeta(meta),
      ...(ttl !== undefined && { ttl: parseAskedTtl(ttl).text }),
      ...(content !== undefined && content !== null && encodeContent(content)),
    };
    this.#write(`{"append":${JSON.stringify(append)}`);
  }

  async respond(
    request: XsFrame | string,
    response: XsResponse & { more?: boolean },
  ): Promise<void> {
    // Without the frame the server looks up how long the request is kept.
    const known = typeof request === "string" ? { id: request, ttl: undefined } : request;
    this.#write(`{"append":${JSON.stringify(encodeResponse(known, response))}`);
  }

  /** The result of `run`, as more effects. Gives the next state, if there is one. */
  take(result: unknown): unknown {
    if (result === undefined || result === null) return undefined;
    if (typeof result !== "object") {
      throw new Error(`run gives { out?, next?, response? } or nothing, not a ${typeof result}`);
    }
    const { out, response, next } = result as XsResult<unknown>;
    if (out instanceof Uint8Array) {
      this.#write(`{"out_base64":"${Buffer.from(out).toString("base64")}"`);
    } else if (out !== undefined && out !== null) {
      if (typeof out === "object" && !Array.isArray(out)) checkedMeta(out as Json);
      this.#write(`{"out":${jsonOf(out, "out")}`);
    }
    if (response) {
      this.#write(`{"append":${JSON.stringify(encodeResponse(this.frame, response))}`);
    }
    return next;
  }

  #write(open: string): void {
    if (!this.#effects) {
      throw new Error(
        `the work on ${this.frame.id} is over: await what run does before it returns`,
      );
    }
    this.#effects.push(`${open},"frame_id":"${this.frame.id}"}`);
  }
}

/** Room for what the server adds to a meta. */
const ADDED = { handler_id: "z".repeat(25), frame_id: "z".repeat(25) };

function checkedMeta(meta: Json): Json {
  encodeMeta({ ...(meta as object | null), ...ADDED });
  return meta;
}
