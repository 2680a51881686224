import type { JournalStatus, NodeStatus } from "../core/node-status.ts";
import type { Finding } from "./journal/journal.ts";

/** What a node measures of its part in the store. */
export interface NodeMetrics {
  readonly node: string;
  readonly journal: string;
  readonly isLeader: boolean;
  readonly epoch: number;
  readonly record: number;
  /** The last record of the journal; where it is out of reach, the last that is known here. */
  readonly lastRecord: number;
  readonly isReachable: boolean;
  readonly recordsApplied: number;
  /** Writes that other nodes were asked for. */
  readonly forwardedWrites: number;
  /** How often the journal did not answer in time. */
  readonly stalls: number;
  readonly appends: AppendTimes;
}

/** How long appends to the journal took. */
export interface AppendTimes {
  readonly count: number;
  readonly seconds: number;
  /** Of the last one, in seconds; undefined before the first. */
  readonly last: number | undefined;
  /** How many took at most so many seconds, and more than those before. The last have no limit. */
  readonly buckets: readonly { readonly upTo: number; readonly count: number }[];
}

/** What a node has at one record, in a few hashes. */
export interface NodeDigest {
  /** The record, and the hash of it, which stands for all before it. */
  readonly record: number;
  readonly chain: string;
  /** A hash of what it has, by the kind of that: frames, entries, … */
  readonly parts: Readonly<Record<string, string>>;
  /** How many rows these are of. */
  readonly rows: number;
}

/** A node in a comparison of all. */
export interface ComparedNode {
  readonly node: string;
  /** The record at which all were compared; null where this one could not be. */
  readonly record: number | null;
  /** What it has other than most nodes, or than the others; empty where nothing. */
  readonly differs: readonly string[];
  /** What is wrong, and what to do; null where nothing is. */
  readonly problem: string | null;
}

/** The nodes of a store, as the server of one of them shows them. */
export interface Nodes {
  /** Each node, by name, and the journal. It takes a second or two, also where others are out of reach. */
  list(): Promise<readonly [...NodeStatus[], JournalStatus]>;
  /**
   * Takes a node that will not come back from the list.
   *
   * @throws XsError `not_found`; `node_present` for one that answers; as a write does
   */
  forget(name: string): Promise<void>;
  /** Whether what the promises stand on is so. It takes some seconds at most. */
  check(): Promise<readonly Finding[]>;
  /**
   * Compares what all nodes have at one record, while writes go on.
   *
   * @throws XsError as a write does; `not_reached` where the nodes did not come to one record together
   */
  compare(signal: AbortSignal): Promise<readonly ComparedNode[]>;
  /** It asks the journal where it ends, a second at most. */
  metrics(): Promise<NodeMetrics>;
}
