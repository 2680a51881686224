/** The functions that a migration of a store calls. They run inside the open, which is synchronous. */
export interface MigrationListener {
  /** A migration begins, or goes on after it was interrupted. */
  begins(migration: Migration): void;
  /** So many frames are migrated. */
  progress(frames: number): void;
  /** It is complete. @param sizes of the database before and after, in bytes */
  ended(sizes: { readonly before: number; readonly after: number }): void;
}

/** What a migration is about to do. */
export interface Migration {
  /** The directory of the store. */
  readonly directory: string;
  readonly from: number;
  readonly to: number;
  /** How many frames there are, and how many of them an earlier run has migrated. */
  readonly frames: number;
  readonly done: number;
  /** The store cannot be written, so that it is a copy for one command that is migrated. */
  readonly isCopy: boolean;
}
