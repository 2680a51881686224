import type { Frame } from "../../core/frame.ts";
import { HTTP_REQUEST } from "../../core/http.ts";

/** The most requests whose failures are kept in memory. */
const MAX_FAILED_REQUESTS = 1000;

/** A handler that takes HTTP requests. */
export interface Taker {
  readonly spawnId: string;
  readonly name: string;
}

/** Why no handler will answer a request: the failure of each handler that took it. */
export interface Unanswered {
  /** Empty where no handler has failed on the request: all its handlers have ended. */
  readonly reasons: readonly string[];
}

/**
 * Finds requests on which every handler has failed, so that their clients do not wait for an answer that never
 * comes.
 */
export class Requests {
  readonly #takersOf: (id: string) => readonly Taker[];
  /** Reasons by request and spawn; undefined where the handler ended before it handled the request. */
  readonly #failures = new Map<string, Map<string, string | undefined>>();
  readonly #waiting = new Map<string, (over: Unanswered) => void>();
  /** The names of handlers of requests that have failed for good. */
  readonly #failed = new Set<string>();

  /** @param takersOf returns the handlers of a request, by its id: of now and of later */
  constructor(takersOf: (id: string) => readonly Taker[]) {
    this.#takersOf = takersOf;
  }

  /** Whether a handler of requests has failed for good, and none has replaced it. */
  get someFailed(): boolean {
    return this.#failed.size > 0;
  }

  /** `over` resolves once no handler will answer the request. Call `forget` when nobody waits for that any more. */
  unanswered(id: string): { over: Promise<Unanswered>; forget(): void } {
    const { promise, resolve } = Promise.withResolvers<Unanswered>();
    this.#waiting.set(id, resolve);
    this.#settle(id);
    return { over: promise, forget: () => void this.#waiting.delete(id) };
  }

  /** Why no handler will answer a request; undefined where one may. */
  outcomeOf(id: string): Unanswered | undefined {
    const failures = this.#failures.get(id);
    if (!this.#takersOf(id).every(({ spawnId }) => failures?.has(spawnId))) return undefined;
    return { reasons: [...(failures?.values() ?? [])].filter((reason) => reason !== undefined) };
  }

  /** The handlers of a request of whose failure on it nothing is known. */
  openOf(id: string): readonly Taker[] {
    const failures = this.#failures.get(id);
    return this.#takersOf(id).filter(({ spawnId }) => !failures?.has(spawnId));
  }

  /** Notes that a handler has failed on a frame, which may be a request. */
  failedOn(id: string, { spawnId, name }: Taker, reason: string): void {
    this.#noteFailure(id, spawnId, `${name}: ${reason}`);
    this.#settle(id);
  }

  /**
   * Notes that a handler of requests has ended for good.
   *
   * @param wasFor whether it would have handled the request with this id
   */
  ended({ spawnId, name }: Taker, failed: boolean, wasFor: (id: string) => boolean): void {
    if (failed) this.#failed.add(name);
    for (const id of [...this.#waiting.keys()]) {
      if (wasFor(id) && !this.#failures.get(id)?.has(spawnId))
        this.#noteFailure(id, spawnId, undefined);
      this.#settle(id);
    }
  }

  /**
   * Notes a frame of the runtime. Call it in the order of the log.
   *
   * @param topicOf returns the topic of a frame; undefined where the frame is not in the store
   */
  note({ topic, meta }: Frame, topicOf: (id: string) => string | undefined): void {
    const {
      topic: name,
      frame_id: frameId,
      spawn_id: spawnId,
      reason,
    } = (meta ?? {}) as Record<string, unknown>;
    if (typeof name !== "string") return;
    if (topic === "stream.cross.handler.failed") {
      if (typeof frameId !== "string" || topicOf(frameId) !== HTTP_REQUEST) return;
      this.#failed.add(name);
      this.failedOn(frameId, { spawnId: String(spawnId), name }, String(reason));
    } else if (/^stream\.cross\.handler\.(active|terminate)$/.test(topic)) {
      this.#failed.delete(name);
    }
  }

  #noteFailure(id: string, spawnId: string, reason: string | undefined): void {
    const known = this.#failures.get(id) ?? new Map<string, string | undefined>();
    this.#failures.delete(id);
    this.#failures.set(id, known.set(spawnId, reason));
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= MAX_FAILED_REQUESTS) break;
      this.#failures.delete(oldest);
    }
  }

  #settle(id: string): void {
    const resolve = this.#waiting.get(id);
    const outcome = resolve && this.outcomeOf(id);
    if (!outcome) return;
    this.#waiting.delete(id);
    resolve(outcome);
  }
}
