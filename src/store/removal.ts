import type { KeepRule } from "../core/keep-rule.ts";
import type { TakenTopics } from "../core/taken-topics.ts";

/** What `Upkeep.forget` removes. */
export interface ForgetRequest {
  readonly topics: TakenTopics;
  /** Only frames from before this time, in ms since 1970. */
  readonly until?: number | undefined;
  /** Resolves to the ids of the spawns, and of requests to end one, that the runtime needs. */
  readonly needed?: NeededFrames | undefined;
  /** Removes nothing, and counts. */
  readonly dryRun?: boolean;
}

/** Resolves to the ids of frames that stay whatever rules and users say: the runtime needs them to go on. */
export type NeededFrames = () => Promise<ReadonlySet<string>>;

/** What was removed, or would be. */
export interface Forgotten {
  frames: number;
  /** Those that stay: chunks of content that still grows, and what the runtime needs. */
  kept: number;
  /** Those that stay as they are damaged: nobody knows what they were. */
  damaged: number;
  /** The different contents that the frames name, and their bytes. Only of a dry run. */
  contents?: number;
  bytes?: number;
}

/** The rules of retention of a store. They are entries of the key/value store, which only the runtime writes. */
export interface KeepRules {
  /** All of them, by their patterns. @throws XsError `value_damaged` */
  list(): Promise<KeepRule[]>;
  /** Sets the rule of a pattern. @throws XsError `bad_request` where there are too many */
  set(rule: KeepRule): Promise<void>;
  /** Ends the rule of a pattern. Resolves to false where there is none. */
  end(pattern: string): Promise<boolean>;
  /** Applies the rules from now on, in the background. */
  start(needed: NeededFrames): void;
  /** Whether they are applied. */
  readonly areApplied: boolean;
}
