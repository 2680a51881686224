import { XsError } from "../../../core/error.ts";
import type { Log } from "./log.ts";

/**
 * Refuses an append unless the newest frame of its topic is the expected one.
 *
 * @param expected an id, or null for no frame
 * @throws XsError `expect_last_failed`, with the actual id
 */
export function checkLast(log: Log, topic: string, expected: string | null): void {
  const actual = log.newest(topic) ?? null;
  if (actual === expected) return;
  throw new XsError(
    "expect_last_failed",
    actual === null
      ? `there is no frame of ${topic}, so ${expected} is not its newest: read it again, then decide`
      : `the newest frame of ${topic} is ${actual}: read it, then decide`,
    { members: { actual } },
  );
}
