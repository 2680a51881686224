import { parseTakenTopics } from "../core/taken-topics.ts";
import { parseTime } from "../core/time.ts";
import type { Call } from "./call.ts";
import { flag, type Values, value } from "./options.ts";
import { reportResponse } from "./report-response.ts";

/** The least time between two lines of progress, in ms. */
const PROGRESS_MS = 200;

export const FORGET_OPTIONS = {
  until: value("only frames from before this time", "time", (text, name) =>
    parseTime(text, name, "utc"),
  ),
  "dry-run": flag("only counts what it would remove"),
};

/**
 * Removes the frames of topics that are there now: streams lines with the number so far, and a last line with the counts.
 * It ends, between two steps, when the client leaves.
 */
export async function forget(
  call: Call,
  { until, "dry-run": dryRun }: Values<typeof FORGET_OPTIONS>,
  pattern: string,
): Promise<Response> {
  const { store, context } = call;
  const topics = parseTakenTopics(pattern);
  const needed = context.neededFrames;
  const steps = store.upkeep.forget({ topics, until, dryRun, needed });
  // What fails at once, as on a full disk, is an error and not a response that breaks off.
  let { value } = await steps.next();
  return reportResponse(call, async (write, left) => {
    let lastProgress = performance.now();
    for await (const done of steps) {
      value = done;
      if (left.aborted) return;
      const now = performance.now();
      if (now - lastProgress < PROGRESS_MS) continue;
      lastProgress = now;
      await write({ [dryRun ? "counted" : "removed"]: done.frames });
    }
    if (value) await write(value);
  });
}
