import { parseAge } from "../core/time.ts";
import type { Call } from "./call.ts";
import { jsonResponse } from "./json-response.ts";
import { flag, type Values, value } from "./options.ts";
import { reportResponse } from "./report-response.ts";

export const GC_OPTIONS = {
  "dry-run": flag("only reports what it would free"),
  compact: flag("also gives the free space of the database back to the disk"),
  tombstones: value(
    "forgets the removals and deletions that are older than this age",
    "age or milliseconds",
    parseAge,
  ),
};

/**
 * Frees content that nothing names, and forgets old removals; with `dry-run`, only reports what it would free. With
 * `compact` it also gives the free space of the database back: the answer is then NDJSON, a line with what is free
 * before that, and one after it.
 */
export async function gc(
  call: Call,
  { "dry-run": dryRun, compact, tombstones: age }: Values<typeof GC_OPTIONS>,
): Promise<Response> {
  const { upkeep } = call.store;
  const freed = await upkeep.collect(dryRun);
  const forgotten = age !== undefined && { tombstones: await upkeep.forgetRemovals(age, dryRun) };
  const collected = { ...freed, ...forgotten };
  if (!compact) return jsonResponse(collected);
  const before = { ...collected, database: upkeep.space };
  return reportResponse(call, async (write) => {
    await write(before);
    if (dryRun) return;
    const size = await upkeep.compact();
    await write({ given_back: before.database.size - size, size });
  });
}
