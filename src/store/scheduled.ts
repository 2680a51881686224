/** An append that is scheduled. */
export interface ScheduledAppend {
  /** Its time is when it is due. */
  readonly id: string;
  /** The frame as JSON, with the id of the schedule; undefined where the entry is damaged. */
  readonly line: string | undefined;
}

/** The appends for a time to come, each in an entry of the k/v store until it is due. */
export interface Schedules {
  /** Resolves to the next ones in the order in which they are due, after an id; none at the end. */
  page(after?: string): Promise<readonly ScheduledAppend[]>;
  /** Removes one. Resolves to false where there is none. */
  remove(id: string): Promise<boolean>;
}
