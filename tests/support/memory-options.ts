/** How a cluster in memory behaves. */
export interface NetOptions {
  readonly seed: number;
  /** The longest delay of one way, in ms. */
  readonly delayMs: number;
  /** When a request to the journal gives up, in ms. */
  readonly deadlineMs: number;
  /** In bytes. */
  readonly maxRecord: number;
  /** How many of the appends lose their acknowledgement, of 1: the record is there, and `journal_unreachable` is answered. */
  readonly lostAcks: number;
  /** How many of the appends answer `journal_unreachable` and put nothing there, of 1. */
  readonly refusals: number;
  /** Another writer is first in this share of the appends, of 1, with a record that it makes from the one before. */
  readonly rival:
    | undefined
    | {
        readonly share: number;
        readonly record: (before: Uint8Array | undefined) => Uint8Array;
      };
}

export const DEFAULTS: Omit<NetOptions, "seed"> = {
  delayMs: 3,
  deadlineMs: 100,
  maxRecord: 1024 * 1024,
  lostAcks: 0,
  refusals: 0,
  rival: undefined,
};
