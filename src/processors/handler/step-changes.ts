import { rmSync } from "node:fs";
import { XsError } from "../../core/error.ts";
import { encodeMeta, type Frame } from "../../core/frame.ts";
import { HTTP_REQUEST } from "../../core/http.ts";
import { idAt, type Place } from "../../core/place.ts";
import { EPHEMERAL, FOREVER, parseTtl, type Ttl } from "../../core/ttl.ts";
import { type Effect, stateProblem } from "../../sdk/protocol.ts";
import type { Store } from "../../store/store.ts";
import type { Change } from "../../store/types.ts";
import { retryWhileDiskFull, type Subject, shortReason } from "../lifecycle/answers.ts";
import type { Failure } from "../lifecycle/processor.ts";
import { plannedChange } from "./effects.ts";
import type { Step } from "./worker.ts";

/** How long an error on a request is kept: 7 days. */
const REQUEST_ERROR_TTL = parseTtl("time:604800000");
/** The number of requests whose ttl is kept in memory. */
const MAX_KNOWN_TTLS = 4000;

/** The reason why nothing of a step is written, and the frame on which the handler failed. */
export type StepFailure = Required<Failure>;

/** Turns the steps of a handler into changes of the store. */
export class StepChanges {
  readonly #store: Store;
  readonly #subject: Subject;
  readonly #ttl: Ttl;
  /** By the id of a request: an answer that streams needs the ttl of its request for every part. */
  readonly #ttls = new Map<string, Ttl>();

  /** @param ttl of the handler's output */
  constructor(store: Store, subject: Subject, ttl: Ttl) {
    this.#store = store;
    this.#subject = subject;
    this.#ttl = ttl;
  }

  /** Adds the changes of a step to `changes`. Where the step is wrong, adds none and returns the failure. */
  async add(
    { done, effects, state, error }: Step,
    changes: Change[],
  ): Promise<StepFailure | undefined> {
    if (error !== undefined) return { reason: error, frame_id: idAt(done) };
    const problem = state === undefined ? undefined : stateProblem(state);
    if (problem !== undefined) return { reason: problem, frame_id: idAt(done) };
    const start = changes.length;
    for (const effect of effects) {
      try {
        const change = this.#changeOf(effect);
        changes.push(change instanceof Promise ? await change : change);
      } catch (error) {
        if (!(error instanceof XsError) || error.code === "disk_full") throw error;
        for (const change of changes.splice(start)) {
          if ("append" in change) this.#store.content.unpin(change.append.content);
        }
        return { reason: error.message, frame_id: effect.frameId ?? "" };
      }
    }
    return undefined;
  }

  /**
   * The frame NAME.error for a step that is passed over.
   *
   * @param topic of the frame on which the handler failed
   * @param failures how often it failed on that frame, where it got it again
   */
  errorFrame(
    { reason, frame_id }: StepFailure,
    topic: string | undefined,
    failures?: number,
  ): Change {
    const { name, spawnId } = this.#subject;
    const meta = encodeMeta({
      handler_id: spawnId,
      frame_id,
      reason: shortReason(reason),
      ...(failures !== undefined && { failures }),
    });
    // Any client may send requests without limit, so their errors must not stay for ever.
    const ttl = topic === HTTP_REQUEST ? REQUEST_ERROR_TTL : FOREVER;
    return { append: { topic: `${name}.error`, ttl, meta, content: null } };
  }

  #changeOf(effect: Effect): Change | Promise<Change> {
    const made = plannedChange(effect, this.#subject, this.#ttl, (id) => this.#ttlOf(id));
    if ("remove" in made) return made;
    if (!("append" in made)) return { ...made, writer: this.#subject.name };
    const { content, ...frame } = made.append;
    const { ttl } = frame;
    if (content instanceof Blob) return this.#changeOfFile(effect, frame, content);
    if (!content || content.length === 0) return { append: { ...frame, content: null } };
    const ephemeral = ttl.kind === "ephemeral";
    const taking = retryWhileDiskFull(() => this.#store.content.take(content, ephemeral));
    return taking.then((taken) => ({ append: { ...frame, content: taken } }));
  }

  /** Takes the content from a file, which is then removed. */
  async #changeOfFile(
    { value }: Effect,
    frame: { topic: string; ttl: Ttl; meta: string },
    file: Blob,
  ): Promise<Change> {
    const ephemeral = frame.ttl.kind === "ephemeral";
    try {
      const taken = await retryWhileDiskFull(() =>
        this.#store.content.take(file.stream(), ephemeral),
      );
      return { append: { ...frame, content: taken } };
    } finally {
      rmSync(String(value), { force: true });
    }
  }

  #ttlOf(id: string): Ttl {
    const known = this.#ttls.get(id);
    if (known) return known;
    const line = this.#store.get(id);
    // The request is not in the store, so its answer is not stored either: nothing would ever remove it.
    const ttl = line === undefined ? EPHEMERAL : parseTtl((JSON.parse(line) as Frame).ttl);
    if (this.#ttls.size >= MAX_KNOWN_TTLS) this.#ttls.clear();
    this.#ttls.set(id, ttl);
    return ttl;
  }
}

/** Whether `add` adds nothing for a step, and finds nothing wrong. */
export function isPlain({ effects, state = "", error }: Step): boolean {
  return effects.length === 0 && error === undefined && stateProblem(state) === undefined;
}

/** How a step breaks the order of the protocol; undefined where it does not. The worker must stop after that. */
export function orderFailure({ done }: Step, cursor: Place, given: Place): Failure | undefined {
  if (done > cursor && done <= given) return undefined;
  const why = done <= cursor ? "which it had done before" : "which it was not given";
  return { reason: `it declared ${idAt(done)} done, ${why}` };
}
