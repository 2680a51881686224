import type { Json } from "../../core/json.ts";
import type { Store } from "../../store/store.ts";
import type { Change } from "../../store/types.ts";
import type { Exit } from "../child/exit.ts";
import type { ScriptPlace } from "../child/runtime.ts";
import type { Subject } from "./answers.ts";
import type { SpawnOptions } from "./options.ts";

/** What a client asked to run. */
export interface Spawn {
  readonly subject: Subject;
  /** The meta of its frame. */
  readonly meta: Json;
  readonly options: SpawnOptions;
  readonly script: Uint8Array;
  readonly duplex: boolean;
}

/** What a processor has around it. */
export interface ProcessorHost {
  readonly store: Store;
  readonly place: ScriptPlace;
  /** Aborted when nothing is to be started any more. */
  readonly signal: AbortSignal;
  /** Every spawn that the log has of this kind and name. */
  readonly spawnIds: ReadonlySet<string>;
  /** The first later spawn of the same name up to an id, unless it was passed over. */
  successorUpTo(id: string): Promise<string | undefined>;
  /** Notes that a later spawn does not replace this one: it does not load. */
  passedOver(spawnId: string): void;
  isPassedOver(spawnId: string): boolean;
  /** Takes note that the handler has failed on a frame and goes on; NAME.error is in the store. */
  skipped(failure: Required<Failure>): void;
}

/** Why a processor has failed, and the frame on which it has, if it was one. */
export interface Failure {
  readonly reason: string;
  readonly frame_id?: string;
}

/** How one run of a processor's program went. */
export type Attempt =
  /** `passedOver`: it will not meet what it died of again. */
  | { readonly exit: Exit; readonly reason: string; readonly passedOver?: boolean }
  | { readonly failed: Failure }
  | { readonly stopped: true };

/** A generator or a handler. */
export interface Processor {
  readonly subject: Subject;
  readonly runtime: string | undefined;
  /** Of its program; undefined while that does not run. */
  readonly pid: number | undefined;
  /** How far it is behind what it takes, in ms; undefined where it takes nothing. */
  readonly behindMs: number | undefined;
  /** Whether it takes frames of a topic, also while its program does not run. */
  takes(topic: string): boolean;
  /** Whether a frame of such a topic comes, or came, to it: it began before that. */
  isFor(id: string): boolean;
  /** Whether it is done with what is up to an id. */
  hasDone(id: string): boolean;
  /** Finds out whether the script loads. @throws Invalid */
  load(signal: AbortSignal): Promise<void>;
  /** It is to go on after this id, where its predecessor ended, instead of after its spawn. */
  startAfter(id: string): void;
  /** What is to be committed together with `.active`. */
  activation(): Change[];
  /** What is to be remembered of it once it has ended by itself: how far it came. */
  remains(): Change[];
  /** Runs its program once. Rejects with `Invalid` where that does not load any more. */
  attempt(): Promise<Attempt>;
  /**
   * Finishes what comes before the spawn of its successor, and ends. Gives the id after which the
   * successor goes on: its spawn, or what this one has done if it could not finish.
   */
  handOver(successor: string): Promise<string>;
  /** A later spawn does not load: this one goes on. */
  goOn(successor: string): void;
  stop(): Promise<void>;
  /** Takes its files away. */
  dispose(): void;
}
