import type { Frame } from "../../core/frame.ts";
import type { Store } from "../../store/store.ts";
import type { Subject } from "./answers.ts";
import { idleStatus, type ProcessorStatus } from "./status.ts";

/** The row of `xs ps` for a processor that does not run, with the schedule that its spawn asks for. */
export function idleRow(
  store: Store,
  subject: Subject,
  state: ProcessorStatus["state"],
): ProcessorStatus {
  const line = store.get(subject.spawnId);
  const meta = line === undefined ? null : (JSON.parse(line) as Frame).meta;
  const { every, tz } = Object(meta) as { [key: string]: unknown };
  return {
    ...idleStatus(subject, state),
    every: typeof every === "string" ? every : null,
    tz: typeof tz === "string" ? tz : null,
  };
}
