/** What a collection freed, or would free. */
export interface Collected {
  readonly contents: number;
  readonly bytes: number;
}

/** The space of the database, and what it takes to give back what is free. */
export interface Space {
  /** In bytes, free and in all. */
  readonly free: number;
  readonly size: number;
  /** An estimate. */
  readonly seconds: number;
  /** What that takes beside the database, in bytes, at most. */
  readonly beside: number;
}

/** What an operator may ask of a store, to make it smaller. */
export interface Upkeep {
  /** Frees content to which nothing refers; with `dryRun` it only counts that. @throws XsError `busy` */
  collect(dryRun?: boolean): Promise<Collected>;
  /**
   * Forgets the removals of frames, and deletions of entries, that are at least so old, in ms: an import may bring them
   * back. Resolves to their number; with `dryRun` it only counts them.
   */
  forgetRemovals(age: number, dryRun?: boolean): Promise<number>;
  /** The space of the database, and what is free of it. */
  readonly space: Space;
  /** Gives the free space of the database back to the disk, in steps. Resolves to the size of it then, in bytes. */
  compact(): Promise<number>;
}
