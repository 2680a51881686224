import { describe, expect, test } from "bun:test";
import { Invalid } from "../../src/processors/lifecycle/options.ts";
import { parseSchedule } from "../../src/processors/schedule/schedule.ts";

/** The slots after a time: as many as are expected. */
async function slotsOf(every: string, tz: string | undefined, after: string, count: number) {
  const schedule = await parseSchedule({ every, ...(tz !== undefined && { tz }) }, 0);
  const found: string[] = [];
  for (let at = Date.parse(after); found.length < count; ) {
    at = schedule.after(at);
    found.push(new Date(at).toISOString().slice(0, 16));
  }
  return found;
}

/** What is tried, the line, its zone, the time, and the slots after that in UTC. */
const LINES: [what: string, line: string, tz: string, after: string, slots: string[]][] = [
  [
    "every day",
    "0 9 * * *",
    "Europe/Berlin",
    "2026-06-01T07:00Z",
    ["2026-06-02T07:00", "2026-06-03T07:00"],
  ],
  ["a slot is after the time", "0 9 * * *", "UTC", "2026-06-01T08:59Z", ["2026-06-01T09:00"]],
  [
    "names, and several spaces",
    " 0  9\t* jan Mon-FRI",
    "UTC",
    "2026-01-02T10:00Z",
    ["2026-01-05T09:00", "2026-01-06T09:00"],
  ],
  [
    "a day of the month or of the week",
    "0 0 13 * 5",
    "UTC",
    "2026-11-06T00:00Z",
    ["2026-11-13T00:00", "2026-11-20T00:00"],
  ],
  ["Sunday is 7 as well", "0 0 * * 7", "UTC", "2026-11-26T00:00Z", ["2026-11-29T00:00"]],
  [
    "a leap day",
    "0 0 29 2 *",
    "UTC",
    "2026-11-26T00:00Z",
    ["2028-02-29T00:00", "2032-02-29T00:00"],
  ],
  [
    "Berlin, the night without 02:30",
    "30 2 * * *",
    "Europe/Berlin",
    "2026-03-28T02:00Z",
    ["2026-03-29T01:00", "2026-03-30T00:30"],
  ],
  [
    "Berlin, the night with 02:30 twice",
    "30 2 * * *",
    "Europe/Berlin",
    "2026-10-24T20:00Z",
    ["2026-10-25T00:30", "2026-10-26T01:30"],
  ],
  [
    "Berlin, two hours of a day, the night with 02:30 twice",
    "30 2,14 * * *",
    "Europe/Berlin",
    "2026-10-24T20:00Z",
    ["2026-10-25T00:30", "2026-10-25T13:30", "2026-10-26T01:30"],
  ],
  [
    "Berlin, every hour of the night with an hour less",
    "0 * * * *",
    "Europe/Berlin",
    "2026-03-28T23:30Z",
    ["2026-03-29T00:00", "2026-03-29T01:00", "2026-03-29T02:00"],
  ],
  [
    "Berlin, every half hour of the night with an hour more",
    "*/30 * * * *",
    "Europe/Berlin",
    "2026-10-25T00:00Z",
    ["2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:30", "2026-10-25T02:00"],
  ],
  [
    "New York, the night without 02:30",
    "30 2 * * *",
    "America/New_York",
    "2026-03-07T20:00Z",
    ["2026-03-08T07:00", "2026-03-09T06:30"],
  ],
  [
    "New York, the night with 01:30 twice",
    "30 1 * * *",
    "America/New_York",
    "2026-10-31T20:00Z",
    ["2026-11-01T05:30", "2026-11-02T06:30"],
  ],
  [
    "Lord Howe, whose clock goes half an hour forward",
    "15 2 * * *",
    "Australia/Lord_Howe",
    "2026-10-03T00:00Z",
    ["2026-10-03T15:30", "2026-10-04T15:15"],
  ],
  [
    "Lord Howe, whose clock goes half an hour back",
    "45 1 * * *",
    "Australia/Lord_Howe",
    "2026-04-04T00:00Z",
    ["2026-04-04T14:45", "2026-04-05T15:15"],
  ],
  [
    "Cairo, whose day begins at one",
    "30 0 * * *",
    "Africa/Cairo",
    "2026-04-23T00:00Z",
    ["2026-04-23T22:00", "2026-04-24T21:30"],
  ],
];

test.each(LINES)("%s: %s in %s", async (_, line, tz, after, slots) => {
  expect(await slotsOf(line, tz, after, slots.length)).toEqual(slots);
});

test("without a zone a line means the zone of the process", async () => {
  const script = `
    const { parseSchedule } = await import("${import.meta.dir}/../../src/processors/schedule/schedule.ts");
    const schedule = await parseSchedule({ every: "0 9 * * *" }, 0);
    console.log(new Date(schedule.after(Date.UTC(2026, 5, 1))).toISOString());`;
  const child = Bun.spawn([process.execPath, "-e", script], {
    env: { ...process.env, TZ: "Asia/Tokyo" },
    stdout: "pipe",
  });
  expect((await new Response(child.stdout).text()).trim()).toBe("2026-06-02T00:00:00.000Z");
});

describe("a duration", () => {
  test.each([
    ["1s", 500, 500, 1500],
    ["1s", 500, 1499, 1500],
    ["1s", 500, 1500, 2500],
    ["1h", 500, 5 * 3_600_000, 5 * 3_600_000 + 500],
    // A spawn of the future, of a store whose clock is ahead.
    ["10s", 100_000, 5000, 10_000],
    ["3650d", 0, 0, 3650 * 86_400_000],
  ])("%s from %d on: after %d comes %d", async (every, anchor, after, slot) => {
    expect((await parseSchedule({ every }, anchor)).after(after)).toBe(slot);
  });
});

/** What a spawn asks for, and what the reason says. */
const REFUSED: [every: string, tz: string | undefined, ...reason: string[]][] = [
  ["0 0 30 2 *", undefined, '"0 0 30 2 *"', "never"],
  ["0 0 31 4,6,9,11 *", "Europe/Berlin", "never"],
  ["60 9 * * *", undefined, '"60 9 * * *"', "minute: 60"],
  ["0 9 * * 8", undefined, '"0 9 * * 8"', "8"],
  ["0 9 * *", undefined, '"0 9 * *"', "five fields", "duration"],
  ["0 0 9 * * *", undefined, "five fields"],
  ["@daily", undefined, '"@daily"', "five fields", "0 0 * * *"],
  ["2026-12-24T18:00", undefined, "five fields"],
  ["", undefined, '""', "five fields"],
  ["hourly", undefined, '"hourly"', "five fields", "12h"],
  ["90", undefined, '"90"', "unit", '"90s"'],
  ["1.5h", undefined, '"1.5h"', "duration"],
  ["0s", undefined, '"0s"', "1s"],
  ["9999w", undefined, '"9999w"', "3650d"],
  ["0 9 * * *", "Europe/Atlantis", '"Europe/Atlantis"', "Europe/Berlin"],
  ["0 9 * * *", "", 'tz ""'],
  ["1h", "Europe/Berlin", "tz", '"1h"', "Leave tz out"],
];

test.each(REFUSED)("%p with tz %p is refused", async (every, tz, ...reason) => {
  const error = await parseSchedule({ every, ...(tz !== undefined && { tz }) }, 0).catch((e) => e);
  expect(error).toBeInstanceOf(Invalid);
  for (const part of reason) expect(error.message).toContain(part);
});
