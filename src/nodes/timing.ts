import { REACH_MS } from "../store/records.ts";

/** How long a node waits for what, in ms. */
export interface NodeTiming {
  /** How often a node asks whether the one that leads lives, and how long that may think. */
  readonly probeEveryMs: number;
  readonly probeMs: number;
  /** How long a write may look for a node that leads: as long as it takes to notice that one is dead. */
  readonly routeMs: number;
  /** How long the node that leads may think about a write: longer than it waits for the journal. */
  readonly answerMs: number;
  /** The longest wait until this node has the record of a write that another one made. */
  readonly reachMs: number;
  /** How long a node may take to give up the lead, at its end. */
  readonly resignMs: number;
}

export const TIMING: NodeTiming = {
  probeEveryMs: 500,
  probeMs: 1000,
  routeMs: 10_000,
  answerMs: 10_000,
  reachMs: REACH_MS,
  resignMs: 1000,
};
