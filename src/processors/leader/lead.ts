import type { Signal } from "../../lib/signal.ts";
import type { Store } from "../../store/store.ts";
import type { ProcessorStatus } from "../lifecycle/status.ts";

/** What processors need of the machine that they are on, one of several of a store. */
export interface Lead {
  /** Its name. */
  readonly name: string;
  /** The epoch in which it leads; undefined while it does not. */
  readonly epoch: number | undefined;
  /** Wakes when it begins or ceases to lead. */
  readonly leadChanged: Pick<Signal, "wait">;
  /** Whether nothing can be written because the journal does not answer. */
  readonly isStalled: boolean;
  /** A store that takes writes only while it leads in that epoch: `not_leader` from then on. */
  storeUnder(epoch: number): Store;
  /**
   * Asks the machine that leads, this one or another, and waits until one leads.
   *
   * @param ms at most
   * @throws XsError `not_leader`, `journal_unreachable`
   */
  inquire(inquiry: Inquiry, ms?: number): Promise<unknown>;
  /** Whether a read that follows on another machine takes frames of a topic. */
  isFollowedElsewhere(topic: string): Promise<boolean>;
}

/** A question about what runs on the machine that leads. */
export type Inquiry =
  /** Whether a handler takes frames of a topic: {@link Taking}. */
  | { readonly about: "takes"; readonly topic: string }
  /** Which of some requests no handler will answer: {@link Unanswered}. */
  | { readonly about: "requests"; readonly ids: readonly string[] }
  /** The rows of `xs ps`: {@link Running}. */
  | { readonly about: "processors" };

/** Why there may be no handler. */
export interface Absence {
  /** The machine runs no processors. */
  readonly isPaused: boolean;
  /** A handler of HTTP requests has failed for good. */
  readonly someFailed: boolean;
}

/** Whether a handler takes frames of a topic. */
export interface Taking extends Absence {
  /** Null while it is not known yet. */
  readonly takes: boolean | null;
}

/** Requests that no handler will answer. */
export interface Unanswered extends Absence {
  /** As `Processors.unansweredAmong`. */
  readonly over: { readonly [id: string]: readonly string[] };
}

/** What runs on a machine. */
export interface Running {
  readonly node: string;
  readonly isPaused: boolean;
  readonly rows: readonly ProcessorStatus[];
}
