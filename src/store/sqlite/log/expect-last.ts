import { XsError } from "../../../core/error.ts";

/**
 * Refuses an append unless the newest frame of its topic is the expected one.
 *
 * @param actual the newest frame's id, or null for no frame; and so is `expected`
 * @throws XsError `expect_last_failed`, with the actual id
 */
export function checkLast(topic: string, actual: string | null, expected: string | null): void {
  if (actual === expected) return;
  throw new XsError(
    "expect_last_failed",
    actual === null
      ? `there is no frame of ${topic}, so ${expected} is not its newest: read it again, then decide`
      : `the newest frame of ${topic} is ${actual}: read it, then decide`,
    { members: { actual } },
  );
}
