import type { TakenTopics } from "../../../core/taken-topics.ts";
import type { Ends } from "../../read-source.ts";
import type { ExpiryClock } from "../expiry-clock.ts";
import type { FrameRow } from "../log/frame-row.ts";
import type { Topics } from "../log/topics.ts";
import type { CandidatesParts } from "./candidates.ts";
import type { Taker, TakerParts } from "./taker.ts";

/** The parts of a store that passes use. */
export interface PassParts extends CandidatesParts, TakerParts {
  readonly clock: ExpiryClock;
  readonly topics: Topics;
}

/** How far a rule was applied. */
export interface Progress {
  /** To all rows of `frames` up to this one. */
  readonly seq: number;
  /** To all late frames that arrived up to this `seq`, and have ids below this one. */
  readonly lateSeq: number;
  readonly lateId: string;
}

/** A rule that was applied to nothing. */
export const NO_PROGRESS: Progress = { seq: 0, lateSeq: 0, lateId: "" };

/** What a pass applies a rule to. */
export interface PassScope {
  readonly topics: TakenTopics;
  /** How far the rule was applied. */
  readonly since: Progress;
  /** Where the log ends for this pass. */
  readonly ends: Ends;
  /** The frames that the runtime needs, looked up after `ends`; undefined where they are unknown: then all stay. */
  readonly needed: ReadonlySet<string> | undefined;
}

/** One application of a rule, in steps. */
export interface Pass {
  /** Finds the rows that one commit should remove, perhaps none; and whether they are the last. */
  next(): { readonly rows: readonly FrameRow[]; readonly isLast: boolean };
  readonly taker: Taker;
  /** How far the rule was applied at the end of this pass. */
  readonly progress: Progress;
}
