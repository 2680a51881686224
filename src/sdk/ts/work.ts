import { parseAt } from "../../core/at.ts";
import { XsError } from "../../core/error.ts";
import { encodeMeta } from "../../core/frame.ts";
import type { Json } from "../../core/json.ts";
import { MAX_VALUE, parseClientKey } from "../../core/key.ts";
import { unknownKeys } from "../../core/known-keys.ts";
import { formatTime } from "../../core/time.ts";
import { parseClientTopic } from "../../core/topic.ts";
import { parseAskedTtl } from "../../core/ttl.ts";
import { bytesOfText } from "../../core/utf8.ts";
import { lengthProblem } from "../protocol.ts";
import { appendOptions, encodeContent, encodeResponse, encodeValue } from "./content.ts";
import { isPlain, isThenable, jsonOf, kindOf, Unsettled, whenSettled } from "./json.ts";
import { dateOf, idOf, type Reads, textOf, timeOf } from "./reads.ts";

/** The parts of a handler that the work on a frame needs. */
export interface WorkSession {
  /** Resolves to a value, with the handler's uncommitted writes. */
  value(key: string): Promise<unknown>;
  /** Lists entries, with the handler's uncommitted writes. */
  entries(prefix?: string): AsyncIterableIterator<XsEntry>;
  /** Notes that the frame `id` wrote an entry, or deleted it. */
  overlay(id: string, key: string, entry: { bytes: Uint8Array; type: string } | undefined): void;
  /** Resolves once the log shows the effects of all earlier frames. */
  reads(work: Work): Promise<Reads>;
}

/** The `xs` of a script while it handles one frame: collects the effects. */
export class Work implements Xs {
  readonly frame: XsFrame;
  /** The script read the log before earlier frames were committed, so the frame must run again. */
  tooEarly = false;
  readonly #session: WorkSession;
  /** The lines of the protocol so far. Most frames have none, and a list for each would cost time. */
  #effects: string[] | undefined;
  #isOver = false;

  constructor(session: WorkSession, frame: XsFrame) {
    this.#session = session;
    this.frame = frame;
  }

  get kv(): Xs["kv"] {
    const session = this.#session;
    return {
      get: (key) => session.value(key),
      list: (prefix) => session.entries(prefix),
      put: async (key, value) =>
        whenSettled(value, (value) => {
          const { bytes, type } = encodeValue(value);
          if (bytes.length > MAX_VALUE) {
            throw new XsError("body_too_large", `a value is at most ${MAX_VALUE} bytes`);
          }
          this.#write(
            `{"put":${JSON.stringify({ key: parseClientKey(textOf(key, "key")), base64: Buffer.from(bytes).toString("base64"), type })}`,
          );
          session.overlay(this.frame.id, key, { bytes, type });
        }),
      delete: async (key) => {
        this.#write(`{"delete":${JSON.stringify(parseClientKey(textOf(key, "key")))}`);
        session.overlay(this.frame.id, key, undefined);
      },
    };
  }

  /** Ends the work on the frame, and returns its lines. */
  end(): readonly string[] {
    const effects = this.#effects ?? NONE;
    this.#effects = undefined;
    this.#isOver = true;
    return effects;
  }

  time(frame: XsFrame | string): Date {
    return dateOf(frame);
  }

  async get(id: string, options?: XsFrameOptions): Promise<XsFrame | undefined> {
    return (await this.#session.reads(this)).get(id, options);
  }

  async *cat(options?: XsReadOptions): AsyncIterableIterator<XsFrame> {
    yield* (await this.#session.reads(this)).cat(options);
  }

  async last(topic?: string, options?: XsFrameOptions): Promise<XsFrame | undefined> {
    return (await this.#session.reads(this)).last(topic, options);
  }

  async first(topic?: string, options?: XsFrameOptions): Promise<XsFrame | undefined> {
    return (await this.#session.reads(this)).first(topic, options);
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
    options: XsAppendOptions = {},
  ): Promise<void> {
    return whenSettled({ content, options }, ({ content, options }) => {
      const { meta = null, ttl, at } = appendOptions(options);
      if (meta !== null && (typeof meta !== "object" || Array.isArray(meta))) {
        throw new XsError(
          "bad_meta",
          "the meta of what a handler appends is an object, or left out",
        );
      }
      const given = content !== undefined && content !== null && encodeContent(content);
      const more = {
        ...(ttl !== undefined && { ttl: parseAskedTtl(textOf(ttl, "ttl")).text }),
        ...(at !== undefined && { at: formatTime(parseAt(timeOf(at, "at"))) }),
        ...given,
      };
      this.#append(parseClientTopic(textOf(topic, "topic")), meta, more);
    });
  }

  async remove(frame: XsFrame | string): Promise<void> {
    this.#write(`{"remove":"${idOf(frame)}"`);
  }

  async respond(
    request: XsFrame | string,
    response: XsResponse & { more?: boolean },
  ): Promise<void> {
    // Without the frame, the server looks up the ttl of the request.
    const known = typeof request === "string" ? { id: request, ttl: undefined } : request;
    if (typeof known?.id !== "string") {
      throw new XsError("bad_id", "respond takes the frame of a request, or its id");
    }
    return whenSettled(response, (response) => this.#respond(known, response));
  }

  /**
   * Adds the result of `run` to the effects, and returns the next state, if there is one.
   *
   * @throws Unsettled if a part of it must be awaited; then it has added nothing
   */
  take(result: unknown): unknown {
    if (result === undefined || result === null) return undefined;
    if (!isPlain(result)) {
      throw new Error(`run returns { out?, next?, response? } or nothing, not ${kindOf(result)}`);
    }
    for (const key in result) {
      if (key === "next" || key === "out" || key === "response") continue;
      throw new Error(unknownKeys(result, RESULT, "the result of run"));
    }
    const { out, response, next } = result as XsResult<unknown>;
    if (isThenable(next)) throw new Unsettled("next");
    const before = this.#effects?.length ?? 0;
    try {
      if (out instanceof Uint8Array) {
        this.#write(`{"out_base64":"${Buffer.from(out).toString("base64")}"`);
      } else if (out !== undefined && out !== null) {
        if (typeof out === "string") bytesOfText(out, "out");
        this.#write(`{"out":${jsonOf(out, "out")}`);
      }
      if (response !== undefined && response !== null) this.#respond(this.frame, response);
    } catch (error) {
      this.#effects?.splice(before);
      throw error;
    }
    return next;
  }

  #respond(
    request: { readonly id: string; readonly ttl: string | undefined },
    response: XsResponse & { more?: boolean },
  ): void {
    const { topic, meta, ...more } = encodeResponse(request, response);
    this.#append(topic, meta, more);
  }

  #append(topic: string, meta: Json, more: object): void {
    const text = jsonOf(meta, "meta");
    // The server would end the handler for a meta that is too large or too deep, so this checks it first.
    if (text.length > SURELY_SMALL) encodeMeta({ ...(meta as object), ...ADDED });
    const rest = JSON.stringify(more).slice(1);
    this.#write(`{"append":{"topic":"${topic}","meta":${text}${rest === "}" ? "" : ","}${rest}`);
  }

  #write(open: string): void {
    if (this.#isOver) {
      throw new Error(
        `the work on ${this.frame.id} is over: await what run does before it returns`,
      );
    }
    const problem = lengthProblem(open);
    if (problem !== undefined) throw new XsError("body_too_large", problem);
    this.#effects ??= [];
    this.#effects.push(`${open},"frame_id":"${this.frame.id}"}`);
  }
}

const NONE: readonly string[] = [];
const RESULT = ["out", "next", "response"];
/** The members that the server adds to a meta. */
const ADDED = { handler_id: "z".repeat(25), frame_id: "z".repeat(25) };
/** A meta of at most this many characters can be neither too large nor too deep. */
const SURELY_SMALL = 200;
