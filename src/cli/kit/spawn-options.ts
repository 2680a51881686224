import type { ArgsDef } from "citty";
import type { Json } from "../../core/json.ts";
import {
  checkName,
  DUPLEX_WITH_SCHEDULE,
  Invalid,
  parseHandlerOptions,
  parseSpawnOptions,
} from "../../processors/lifecycle/options.ts";
import type { Kind } from "../../processors/lifecycle/registry.ts";
import { LISTS, UsageError } from "./verb.ts";

/** The member of the meta of a spawn for each option whose name is another. */
const MEMBERS: Readonly<Record<string, string>> = {
  "on-error": "on_error",
  "one-by-one": "one_by_one",
};

/**
 * Makes the meta of a spawn of the options of a command line.
 *
 * @param known the options of the verb that are options of the spawn
 * @throws UsageError for what would make the spawn invalid, as far as it shows here
 */
export async function spawnMeta(
  { kind, name }: { readonly kind: Kind; readonly name: string },
  options: ReadonlyMap<string, string>,
  known: ArgsDef,
): Promise<{ [key: string]: Json }> {
  const meta: { [key: string]: Json } = { topic: name };
  for (const [option, { type }] of Object.entries(known)) {
    const given = options.get(option);
    if (given === undefined) continue;
    meta[MEMBERS[option] ?? option] = type === "boolean" ? true : optionValue(option, given);
  }
  await asUsage(async () => {
    checkName(kind, name);
    const { schedule } = parseSpawnOptions(meta, kind);
    // The script may declare the rest.
    const declared = meta.retries !== undefined && { on_error: "retry" };
    if (kind === "handler") parseHandlerOptions({ ...declared }, meta);
    if (!schedule) return;
    if (meta.duplex === true) throw new Invalid(DUPLEX_WITH_SCHEDULE);
    const { parseSchedule } = await import("../../processors/schedule/schedule.ts");
    await parseSchedule(schedule, Date.now());
  });
  return meta;
}

/** Refuses a name that no processor may have. @throws UsageError */
export async function checkedName(kind: Kind, name: string): Promise<string> {
  await asUsage(() => checkName(kind, name));
  return name;
}

function optionValue(option: string, given: string): Json {
  if (LISTS[option] !== undefined) return given.split(LISTS[option]).map((each) => each.trim());
  if (["concurrency", "pulse", "retries"].includes(option) && /^[0-9]+$/.test(given))
    return Number(given);
  if (option !== "initial") return given;
  try {
    return JSON.parse(given) as Json;
  } catch {
    throw new UsageError(`--initial ${given} is no JSON: a text is written as  --initial '"text"'`);
  }
}

async function asUsage(check: () => void | Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (error instanceof Invalid) throw new UsageError(error.message);
    throw error;
  }
}
