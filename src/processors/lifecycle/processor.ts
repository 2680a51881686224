import type { Json } from "../../core/json.ts";
import type { Place } from "../../core/place.ts";
import type { Store } from "../../store/store.ts";
import type { Change } from "../../store/types.ts";
import type { Exit } from "../child/exit.ts";
import type { ScriptPlace } from "../child/runtime.ts";
import type { Retry } from "../handler/retry.ts";
import type { Clock } from "../schedule/clock.ts";
import type { Slots } from "../schedule/slots.ts";
import type { Shells } from "../shell/shells.ts";
import type { Subject } from "./answers.ts";
import type { SpawnOptions } from "./options.ts";
import type { RetryStatus } from "./status.ts";

/** A spawn frame, parsed: the script that a client asks to run, and its options. */
export interface Spawn {
  readonly subject: Subject;
  /** The meta of its frame. */
  readonly meta: Json;
  readonly options: SpawnOptions;
  readonly script: Uint8Array;
  readonly duplex: boolean;
}

/** The services that a processor uses. */
export interface ProcessorHost {
  readonly store: Store;
  readonly place: ScriptPlace;
  readonly clock: Clock;
  /** Runs the commands of handlers in shell. */
  readonly shells: Shells;
  /** Aborted when the server stops: the processor starts nothing after that. */
  readonly signal: AbortSignal;
  /** Whether an encoded frame is output of a handler of this name, or about it. */
  readonly isOwn: (line: string, id: string) => boolean;
  /** The first later spawn of the same name up to a place, without those that are passed over. */
  successorUpTo(place: Place): Promise<Place | undefined>;
  /** Notes that a later spawn does not replace this one, because it does not load. */
  passedOver(spawnId: string): void;
  isPassedOver(spawnId: string): boolean;
  /** Notes that the handler has failed on a frame and goes on, after NAME.error is in the store. */
  skipped(failure: Required<Failure>): void;
  /** Notes that the handler has failed on a frame and gets it again, after its record is in the store. */
  retrying(retry: Retry): void;
}

/** Why a processor has failed, and the frame on which a handler has failed. */
export interface Failure {
  readonly reason: string;
  readonly frame_id?: string;
}

/** The outcome of one run of a processor's program. */
export type Attempt =
  /** `passedOver`: the frame on which the program died is passed over, so the next run does not get it. */
  | { readonly exit: Exit; readonly reason: string; readonly passedOver?: boolean }
  | { readonly failed: Failure }
  | { readonly stopped: true };

/** A generator or a handler. */
export interface Processor {
  readonly subject: Subject;
  readonly spawn: Spawn;
  readonly runtime: string | undefined;
  /** The pid of its program; undefined while that does not run. */
  readonly pid: number | undefined;
  /** When its program runs; undefined where that runs all the time. */
  readonly slots?: Slots | undefined;
  /** How far a handler is behind the newest frame of its topics, in ms. */
  readonly behindMs?: number;
  /** While a handler waits until it gets the frame again on which it has failed. */
  readonly retrying?: RetryStatus | undefined;
  /** Whether a handler takes frames of a topic, also while its program does not run. */
  takes?(topic: string): boolean;
  /** Whether a handler gets, or got, a frame with this id and such a topic: it starts before that frame. */
  isFor?(id: string): boolean;
  /** Whether a handler is done with every frame up to an id. */
  hasDone?(id: string): boolean;
  /** Prepares the script and checks that it loads. @throws Invalid where it does not */
  load(signal: AbortSignal): Promise<void>;
  /** Makes it start after this place, where its predecessor ended, instead of after its spawn. */
  startAfter(place: Place): void | Promise<void>;
  /** The changes that the store commits together with `.active`. */
  activation(): Change[];
  /** The changes that store its progress once it has ended by itself. */
  remains(): Change[];
  /** Runs its program once. Rejects with `Invalid` where that does not load any more. */
  attempt(): Promise<Attempt>;
  /**
   * Handles the frames before the spawn of its successor, and ends. Resolves to the place after which the successor
   * starts: the successor's spawn, or the last frame that is done where this one could not finish.
   */
  handOver(successor: Place): Promise<Place>;
  /** Makes a handler go on past the spawn of a successor that does not load. */
  goOn?(successor: string): void;
  stop(): Promise<void>;
  /** Removes the files of its script. */
  dispose(): void;
}
