import { quoted } from "../../core/error.ts";
import { DURATION_FORMS, parseDuration } from "../../core/time.ts";
import { Invalid, type ScheduleOptions } from "../lifecycle/options.ts";

/** The times at which a generator runs: its slots. */
export interface Schedule {
  /** The first slot after a time. Both are in ms since 1970; `Infinity` where none comes. */
  after(time: number): number;
}

const LEAST_MS = 1000;
/** Longer than any use of it, and far from the end of what a date can hold. */
const MOST = "3650d";
const FIELDS = "minute, hour, day of the month, month, day of the week";
/** Names that other crons know, and that people try first. */
const NICKNAMES: Readonly<Record<string, string>> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
};

/**
 * Reads a schedule.
 *
 * @param anchor the time from which a duration counts, in ms since 1970
 * @throws Invalid also for a cron line that no date ever meets
 */
export async function parseSchedule(options: ScheduleOptions, anchor: number): Promise<Schedule> {
  const { every, tz } = options;
  const line = every.trim();
  if (line.split(/\s+/).length === 5) return await cronLine(every, line, tz);
  const ms = durationOf(every);
  if (tz !== undefined)
    throw new Invalid(
      `tz is for a cron line: the duration ${quoted(every)} is the same in every zone. Leave tz out`,
    );
  return { after: (time) => anchor + (Math.floor((time - anchor) / ms) + 1) * ms };
}

function durationOf(every: string): number {
  const ms = parseDuration(every);
  if (ms === undefined)
    throw new Invalid(
      `every ${quoted(every)} is neither a duration (${DURATION_FORMS}) nor a cron line of five fields (${FIELDS})${hintFor(every)}`,
    );
  if (ms < LEAST_MS) throw new Invalid(`every ${quoted(every)} is too short: the least is 1s`);
  if (ms > (parseDuration(MOST) ?? 0))
    throw new Invalid(`every ${quoted(every)} is too long: the most is ${MOST}`);
  return ms;
}

function hintFor(every: string): string {
  const line = NICKNAMES[every.toLowerCase()];
  if (line !== undefined) return `: write it as ${quoted(line)}`;
  if (/^[0-9]+$/.test(every)) return `: a number needs a unit, like ${quoted(`${every}s`)}`;
  return "";
}

async function cronLine(every: string, line: string, tz: string | undefined): Promise<Schedule> {
  const timezone = zoneOf(tz);
  // Only a server with such a schedule needs the library.
  const { Cron } = await import("croner");
  try {
    const cron = new Cron(line, {
      mode: "5-part",
      timezone,
      // As cron does it: a fixed time that a night has twice runs once, and one that it lacks runs after the gap.
      fixedTimeRule: "no-wildcard",
    });
    if (!cron.nextRun())
      throw new Invalid(`every ${quoted(every)} never comes: no date meets all of its fields`);
    return { after: (time) => cron.nextRun(new Date(time))?.getTime() ?? Number.POSITIVE_INFINITY };
  } catch (error) {
    if (error instanceof Invalid) throw error;
    const problem = (error as Error).message.replace(/^CronPattern: /, "");
    throw new Invalid(
      `every ${quoted(every)} is no cron line of five fields (${FIELDS}): ${problem}`,
    );
  }
}

function zoneOf(tz: string | undefined): string {
  try {
    const options = tz === undefined ? {} : { timeZone: tz };
    return new Intl.DateTimeFormat("en", options).resolvedOptions().timeZone;
  } catch {
    throw new Invalid(
      `tz ${quoted(String(tz))} is no time zone: name one like "Europe/Berlin" or "UTC"`,
    );
  }
}
