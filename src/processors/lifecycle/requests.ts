import type { Frame } from "../../core/frame.ts";
import { HTTP_REQUEST } from "../../core/http.ts";

/** Requests of which it is remembered who failed on them, at most. */
const MOST = 1000;

/** A handler, as far as requests go. */
export interface Taker {
  readonly spawnId: string;
  readonly name: string;
}

/** Why nobody answers a request any more: what each of the handlers that took it failed of. */
export interface Unanswered {
  /** Empty where no handler has failed on it: all that would have handled it are gone. */
  readonly reasons: readonly string[];
}

/**
 * Knows of a request when every handler that took it has failed on it, so that its client need not wait
 * for an answer that never comes.
 */
export class Requests {
  readonly #takersOf: (id: string) => readonly Taker[];
  /** By the request, then by the spawn: the reason; undefined where the handler ended before. */
  readonly #failures = new Map<string, Map<string, string | undefined>>();
  readonly #waiting = new Map<string, (over: Unanswered) => void>();
  /** Handlers of requests that have failed for good. */
  readonly #failed = new Set<string>();

  /** @param takersOf gives the handlers that handle a request of this id now, or will */
  constructor(takersOf: (id: string) => readonly Taker[]) {
    this.#takersOf = takersOf;
  }

  /** Whether a handler of requests has failed for good, and nothing has come in its place. */
  get someFailed(): boolean {
    return this.#failed.size > 0;
  }

  /** Resolves once no handler will answer the request; to be told when nobody waits any more. */
  unanswered(id: string): { over: Promise<Unanswered>; forget(): void } {
    const { promise, resolve } = Promise.withResolvers<Unanswered>();
    this.#waiting.set(id, resolve);
    this.#settle(id);
    return { over: promise, forget: () => void this.#waiting.delete(id) };
  }

  /** A handler has failed on a frame, which may be a request. */
  failedOn(id: string, { spawnId, name }: Taker, reason: string): void {
    this.#note(id, spawnId, `${name}: ${reason}`);
    this.#settle(id);
  }

  /**
   * A handler of requests has ended for good.
   *
   * @param wasFor tells which requests it would have handled
   */
  ended({ spawnId, name }: Taker, failed: boolean, wasFor: (id: string) => boolean): void {
    if (failed) this.#failed.add(name);
    for (const id of [...this.#waiting.keys()]) {
      if (wasFor(id) && !this.#failures.get(id)?.has(spawnId)) this.#note(id, spawnId, undefined);
      this.#settle(id);
    }
  }

  /**
   * Takes what the runtime says, in the order of the log.
   *
   * @param topicOf gives the topic of a frame that is in the store
   */
  told({ topic, meta }: Frame, topicOf: (id: string) => string | undefined): void {
    const { topic: name, frame_id: frameId } = (meta ?? {}) as Record<string, unknown>;
    if (typeof name !== "string") return;
    if (topic === "stream.cross.handler.failed") {
      if (typeof frameId === "string" && topicOf(frameId) === HTTP_REQUEST) this.#failed.add(name);
    } else if (/^stream\.cross\.handler\.(active|terminate)$/.test(topic)) {
      this.#failed.delete(name);
    }
  }

  #note(id: string, spawnId: string, reason: string | undefined): void {
    const known = this.#failures.get(id) ?? new Map<string, string | undefined>();
    this.#failures.delete(id);
    this.#failures.set(id, known.set(spawnId, reason));
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= MOST) break;
      this.#failures.delete(oldest);
    }
  }

  #settle(id: string): void {
    const tell = this.#waiting.get(id);
    if (!tell) return;
    const failures = this.#failures.get(id);
    if (!this.#takersOf(id).every(({ spawnId }) => failures?.has(spawnId))) return;
    const reasons = [...(failures?.values() ?? [])].filter((reason) => reason !== undefined);
    this.#waiting.delete(id);
    tell({ reasons });
  }
}
