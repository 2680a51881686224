import type { ForgetRequest, Forgotten, KeepRules } from "./removal.ts";

/** What a collection freed, or would free. */
export interface Collected {
  readonly contents: number;
  readonly bytes: number;
}

/** What an erasure has done on several machines. */
export interface Erased {
  /** The journal begins behind this record. */
  readonly record: number;
  /** The nodes of which no file has anything that was removed; and those that did not answer: they do it when they start. */
  readonly nodes: readonly string[];
  readonly pending: readonly string[];
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
   * On several machines, after a collection: sees to it that what was removed is in no file of a node or of the journal.
   *
   * @throws XsError `not_leader`, `journal_unreachable`, `disk_full`
   */
  erase?(): Promise<Erased>;
  /**
   * Forgets the removals of frames, and deletions of entries, that are at least so old, in ms: an import may bring them
   * back. Resolves to their number; with `dryRun` it only counts them.
   */
  forgetRemovals(age: number, dryRun?: boolean): Promise<number>;
  /**
   * Removes the frames of some topics that are there now, in steps that let others write, and yields the counts so far
   * after each; the last are those of all. It ends where nobody asks for the next. An import does not bring the frames
   * back.
   *
   * @throws XsError as a write does
   */
  forget(request: ForgetRequest): AsyncGenerator<Readonly<Forgotten>>;
  /** The rules by which frames are removed. */
  readonly rules: KeepRules;
  /** The space of the database, and what is free of it. */
  readonly space: Space;
  /** Gives the free space of the database back to the disk, in steps. Resolves to the size of it then, in bytes. */
  compact(): Promise<number>;
}
