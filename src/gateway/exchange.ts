import type { IncomingMessage, ServerResponse } from "node:http";
import { STREAMED } from "../api/answer-headers.ts";
import { problemOf } from "../api/errors.ts";
import { XsError } from "../core/error.ts";
import { HTTP_DISCONNECT, HTTP_ERROR, HTTP_REQUEST } from "../core/http.ts";
import { EPHEMERAL, parseTtl, type Ttl } from "../core/ttl.ts";
import { sniffedType } from "../lib/text.ts";
import type { Store } from "../store/store.ts";
import type { AnswerFrame, AnswerQueue } from "./answer-queue.ts";
import type { Answers } from "./answers.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Handlers } from "./handlers.ts";
import { bodyOf } from "./incoming.ts";
import { ClientGone, Outgoing } from "./outgoing.ts";
import type { RecentContent } from "./recent-content.ts";
import { HandlersFailed, logForOwner, noHandler, refuse } from "./refusal.ts";
import { hasMore, responseHead } from "./response-head.ts";

/** The limits for clients of the gateway. */
export interface GatewayLimits {
  /** The longest time, in ms, until a response begins, and of silence while a client sends or reads a body. */
  readonly timeout: number;
  /** The most bytes of a request's body. */
  readonly bodyMax: number;
  /** The most requests that wait for their response at once, with a complete body. */
  readonly inFlight: number;
  /** The ttl of requests. */
  readonly ttl: Ttl;
}

/** Visitors can cause any number of errors, so only the newest are kept. */
const ERROR_TTL = parseTtl("last:1000");

/** The bytes of content that decide whether it is text. */
const SAMPLE = 4096;

/** Statuses whose responses have no body. */
const NO_BODY = new Set([204, 205, 304]);

/** The parts that all exchanges of a gateway share. */
export interface GatewayParts {
  readonly store: Store;
  readonly handlers: Handlers;
  readonly limits: GatewayLimits;
  readonly answers: Answers;
  readonly contents: RecentContent;
  /** Counts the arriving bodies. */
  readonly arrivals: Arrivals;
}

/** A request from a client, with its response. */
export interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The exchange calls it when the request is complete. @throws XsError `too_many_requests` */
  admit(): void;
}

/** One request and its response. */
export class Exchange {
  readonly #parts: GatewayParts;
  readonly #visit: Visit;
  readonly #out: Outgoing;
  #queue: AnswerQueue | undefined;

  constructor(parts: GatewayParts, visit: Visit) {
    this.#parts = parts;
    this.#visit = visit;
    this.#out = new Outgoing(visit.response, parts.limits.timeout, () => {
      this.#queue?.fail(new ClientGone());
    });
  }

  /**
   * Serves the request. It never rejects: it reports an error to the client, and on the stream.
   *
   * @param meta the request without its body, as JSON
   */
  async run(meta: string): Promise<void> {
    let queue: AnswerQueue;
    try {
      queue = await this.#ask(meta);
    } catch (error) {
      return this.#refuse(error);
    }
    this.#queue = queue;
    // Set before each step that can fail because of a response frame, so that the error names that frame.
    let answer: AnswerFrame | undefined;
    let more = true;
    try {
      this.#out.check();
      answer = await this.#first(queue);
      more = hasMore(answer.meta);
      const wanted = await this.#begin(answer, more);
      while (wanted && more) {
        answer = await queue.next();
        this.#out.check();
        more = hasMore(answer.meta);
        await this.#sendContent(await this.#open(answer));
      }
      if (!this.#visit.response.writableEnded) this.#visit.response.end();
      // The handler still sends the body: tells it that nobody reads it.
      if (more) await this.#note(HTTP_DISCONNECT, { request_id: queue.requestId });
    } catch (error) {
      await this.#failed(error, queue.requestId, answer?.id);
    } finally {
      this.#parts.answers.drop(queue);
    }
  }

  /** Appends the request to the stream. */
  async #ask(meta: string): Promise<AnswerQueue> {
    const { store, limits, arrivals, answers } = this.#parts;
    const { timeout, bodyMax, ttl } = limits;
    const { request, response, admit } = this.#visit;
    const body = bodyOf(request, arrivals, bodyMax, timeout);
    if (request.headers.expect !== undefined) response.writeContinue();
    const content = await store.content.take(body, ttl.kind === "ephemeral");
    try {
      admit();
    } catch (error) {
      store.content.unpin(content);
      throw error;
    }
    return await answers.ask(() => store.append({ topic: HTTP_REQUEST, meta, ttl, content }));
  }

  async #first(queue: AnswerQueue): Promise<AnswerFrame> {
    const { timeout } = this.#parts.limits;
    const { promise: never, reject } = Promise.withResolvers<never>();
    const tooLate = new XsError("no_answer", `no answer came within ${timeout} ms`);
    const timer = setTimeout(() => reject(tooLate), timeout);
    const { over, forget } = this.#parts.handlers.unanswered(queue.requestId);
    void over.then(({ reasons }) => {
      if (reasons.length > 0) reject(new HandlersFailed(reasons));
      // Without a handler, a client that follows requests may still answer.
      else if (!this.#parts.store.isFollowed(HTTP_REQUEST)) reject(noHandler(this.#parts.handlers));
    });
    try {
      return await Promise.race([queue.next(), never]);
    } finally {
      clearTimeout(timer);
      forget();
    }
  }

  /** Sends the head and the first frame's part of the body. Returns false if the body is complete, or not wanted. */
  async #begin(answer: AnswerFrame, more: boolean): Promise<boolean> {
    const { status, headers } = responseHead(answer.meta);
    const content = await this.#open(answer);
    const start = content?.slice(0, SAMPLE);
    const sample = start instanceof Blob ? await start.bytes() : start;
    // The first frame is checked, so the head can be sent.
    const { request, response } = this.#visit;
    response.statusCode = status;
    if (more) for (const [name, value] of Object.entries(STREAMED)) response.setHeader(name, value);
    for (const [name, values] of headers) {
      response.setHeader(name, values.length === 1 ? (values[0] ?? "") : values);
    }
    if (NO_BODY.has(status)) return false;
    if (!headers.has("content-type") && (sample || more)) {
      const goesOn = more || sizeOf(content) > SAMPLE;
      response.setHeader("content-type", sniffedType(sample ?? new Uint8Array(), goesOn));
    }
    const isHead = request.method === "HEAD";
    if (!more && (content || !isHead)) response.setHeader("content-length", sizeOf(content));
    if (isHead) return false;
    if (content instanceof Uint8Array && !more) {
      // This sends head and body in one packet.
      response.end(content);
      return false;
    }
    // Shows the client that the response has begun, even if the next frame takes long.
    if (more) response.flushHeaders();
    await this.#sendContent(content);
    return true;
  }

  async #sendContent(content: Uint8Array | Blob | undefined): Promise<void> {
    if (!content) return;
    if (content instanceof Uint8Array) return this.#out.write(content);
    for await (const chunk of content.stream()) await this.#out.write(chunk);
  }

  async #open({ id, hash }: AnswerFrame): Promise<Uint8Array | Blob | undefined> {
    if (hash === null) return undefined;
    const content = await this.#parts.contents.open(hash);
    if (content) return content;
    throw new XsError("bad_response", `the content ${hash} of the response ${id} is missing`);
  }

  /** Reports the error of a request that is on the stream. */
  async #failed(error: unknown, requestId: string, responseId: string | undefined): Promise<void> {
    if (error instanceof ClientGone) return this.#note(HTTP_DISCONNECT, { request_id: requestId });
    this.#refuse(error);
    const { status, code, detail } = problemOf(error);
    await this.#note(HTTP_ERROR, {
      request_id: requestId,
      ...(responseId !== undefined && { response_id: responseId }),
      status,
      code,
      reason: error instanceof HandlersFailed ? error.reasons : detail,
    });
  }

  #refuse(error: unknown): void {
    const { request, response } = this.#visit;
    if (response.destroyed) return;
    // The status is sent already, so only breaking off shows the client that the response failed.
    if (response.headersSent) {
      logForOwner(error);
      this.#out.cut();
    } else refuse(request, response, error);
  }

  async #note(topic: string, meta: object): Promise<void> {
    const ttl = topic === HTTP_DISCONNECT ? EPHEMERAL : ERROR_TTL;
    try {
      await this.#parts.store.append({ topic, meta: JSON.stringify(meta), ttl, content: null });
    } catch {
      // The client has its response already, and the store reports itself that it cannot write.
    }
  }
}

function sizeOf(content: Uint8Array | Blob | undefined): number {
  return content instanceof Blob ? content.size : (content?.length ?? 0);
}
