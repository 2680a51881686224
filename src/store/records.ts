/** The longest wait for a record, in ms. */
export const REACH_MS = 10_000;

/** How far a directory has the journal of its store. */
export interface Records {
  /** The newest record that this directory has, or that it knows to be needed for a write that it has answered. */
  readonly record: number;
  /**
   * Resolves when the directory has a record.
   *
   * @param ms the longest wait
   * @throws XsError `not_reached`
   */
  reached(record: number, ms: number): Promise<void>;
}
