import { XsError } from "../core/error.ts";
import { parseAge } from "../core/time.ts";
import type { Upkeep } from "../store/upkeep.ts";
import type { Call } from "./call.ts";
import { jsonResponse } from "./json-response.ts";
import { flag, type Values, value } from "./options.ts";
import { reportResponse } from "./report-response.ts";

export const GC_OPTIONS = {
  "dry-run": flag("only reports what it would free"),
  erase: flag(
    "on several machines: what was removed goes from every file of the nodes and of the journal",
  ),
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
  { "dry-run": dryRun, compact, erase, tombstones: age }: Values<typeof GC_OPTIONS>,
): Promise<Response> {
  const { upkeep } = call.store;
  if (erase) checkErases(upkeep, { dryRun, compact });
  const freed = await upkeep.collect(dryRun);
  const forgotten = age !== undefined && { tombstones: await upkeep.forgetRemovals(age, dryRun) };
  const erased = erase && { erased: await upkeep.erase?.() };
  const collected = { ...freed, ...forgotten, ...erased };
  if (!compact) return jsonResponse(collected);
  const before = { ...collected, database: upkeep.space };
  return reportResponse(call, async (write) => {
    await write(before);
    if (dryRun) return;
    const size = await upkeep.compact();
    await write({ given_back: before.database.size - size, size });
  });
}

/** @throws XsError `bad_option` where nothing can be erased, or not together with other options */
function checkErases(
  upkeep: Upkeep,
  { dryRun, compact }: { dryRun: boolean; compact: boolean },
): void {
  if (dryRun || compact) {
    throw new XsError(
      "bad_option",
      "erase goes with neither dry-run nor compact: it erases all, and compacts",
    );
  }
  if (upkeep.erase) return;
  throw new XsError(
    "bad_option",
    "erase is for a store on several machines, whose journal keeps what was removed: use compact here",
  );
}
