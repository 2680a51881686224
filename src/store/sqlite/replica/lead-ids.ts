import { firstIdAt, timestampOf } from "../../../core/id.ts";

/**
 * Ephemeral frames need no record, so another node may not know their ids. Their times are no more than this after the
 * newest id of the last record, in ms, and a node that begins to lead gives ids beyond that: so whoever resumes a read
 * by the id of an ephemeral frame misses nothing, whatever the clocks of both nodes say.
 */
const UNRECORDED_MS = 1000;

/** Whether an id is so far after the newest one of the last record that it needs a record before it. */
export function needsRecord(id: string, recorded: string): boolean {
  return recorded === "" || timestampOf(id) > timestampOf(recorded) + UNRECORDED_MS;
}

/** The first id that a node may give when it begins to lead; "" where none was given yet. */
export function firstIdOfLead(recorded: string): string {
  return recorded === "" ? "" : firstIdAt(timestampOf(recorded) + UNRECORDED_MS + 1);
}
