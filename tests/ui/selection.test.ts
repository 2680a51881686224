import { expect, test } from "bun:test";
import { fieldsIn, problemsIn, selectionOf } from "../../src/ui/page/views/stream/selection.ts";
import { piecesOf } from "../../src/ui/page/views/stream/snippet.ts";
import { momentIn, parseWhen, showWhen } from "../../src/ui/page/views/stream/when.ts";
import { widened } from "../../src/ui/page/views/stream/widened.ts";

const NOW = new Date(2026, 10, 26, 18, 30, 15, 250).getTime();

function local(...parts: [number, number, number, number?, number?, number?, number?]): string {
  return new Date(...parts).toISOString();
}

test("a person writes a time in the ways that they know", () => {
  const cases: [string, string][] = [
    ["", ""],
    ["15m", "15m"],
    [" 2h ", "2h"],
    ["2026-12-24", local(2026, 11, 24)],
    ["2026-12-24 18:00", local(2026, 11, 24, 18)],
    ["2026-12-24T18:00:05.5", local(2026, 11, 24, 18, 0, 5, 500)],
    ["2026-12-24T18:00Z", "2026-12-24T18:00:00.000Z"],
    ["2026-12-24t18:00:00z", "2026-12-24T18:00:00.000Z"],
    ["2026-12-24 18:00+01:00", "2026-12-24T17:00:00.000Z"],
    ["18:00", local(2026, 10, 26, 18)],
    ["9:05", local(2026, 10, 26, 9, 5)],
    ["18:00:15.25", local(2026, 10, 26, 18, 0, 15, 250)],
    ["today", local(2026, 10, 26)],
    ["Yesterday", local(2026, 10, 25)],
    ["now", new Date(NOW).toISOString()],
  ];
  for (const [text, value] of cases)
    expect([text, parseWhen(text, NOW)]).toEqual([text, { value }]);
});

test("what is no time is explained", () => {
  const cases: [string, RegExp][] = [
    ["12", /a number needs a unit, like "12m"/],
    ["soon", /neither an age .* nor a date/],
    ["2026-02-30", /no such day or hour/],
    ["2026-13-01", /no such day or hour/],
    ["25:00", /no such day or hour/],
    ["2026-12-24T18:61Z", /no such day or hour/],
    ["26.11.2026", /a date \(2026-11-26/],
  ];
  for (const [text, problem] of cases) {
    expect(parseWhen(text, NOW)).toEqual({ problem: expect.stringMatching(problem) });
  }
});

test("a time is shown as it would be written, and read again as the same", () => {
  for (const moment of [
    local(2026, 10, 26, 18),
    local(2026, 10, 26, 0),
    local(2026, 10, 26, 18, 0, 5, 7),
    local(2025, 0, 2),
    local(2025, 0, 2, 3, 4, 5),
  ]) {
    expect(parseWhen(showWhen(moment, NOW), NOW)).toEqual({ value: moment });
  }
  expect(showWhen(local(2026, 10, 26, 18), NOW)).toBe("18:00");
  expect(showWhen(local(2025, 0, 2), NOW)).toBe("2025-01-02");
  expect(showWhen("15m", NOW)).toBe("15m");
  expect(showWhen("nothing", NOW)).toBe("nothing");
  expect(momentIn("1h", NOW)).toBe(NOW - 3_600_000);
  expect(momentIn("", NOW)).toBeUndefined();
});

test("a time that ends before it begins is none", () => {
  const place = new URLSearchParams('?q="a&topic=!b&since=1h&until=2h');
  const problems = problemsIn(fieldsIn(place));
  expect(Object.keys(problems).toSorted()).toEqual(["until"]);
  expect(problems.until).toContain("before the begin");
  expect(problemsIn({ q: "", topic: "", since: "2h", until: "" })).toEqual({});
  const fields = { q: "", topic: "a", since: "2026-12-24", until: "" };
  expect(selectionOf(fields, false).since).toBe(local(2026, 11, 24));
});

test("a wider time has the same middle, and ends now at the latest", () => {
  const hour = 3_600_000;
  const at = (ms: number) => new Date(ms).toISOString();
  const wide = widened(at(NOW - 10 * hour), at(NOW - 8 * hour), NOW);
  expect(wide).toEqual({ since: at(NOW - 11 * hour), until: at(NOW - 7 * hour), at: undefined });
  expect(widened("2h", "", NOW)).toEqual({
    since: at(NOW - 4 * hour),
    until: undefined,
    at: undefined,
  });
  expect(widened("", "1h", NOW)).toEqual({ since: undefined, until: undefined, at: undefined });
  const late = widened(at(NOW - 2 * hour), at(NOW - hour / 4), NOW);
  expect(late.until).toBeUndefined();
});

test("a snippet falls into what was found and the rest, by code points", () => {
  expect(
    piecesOf({
      text: "🥛 milk, Milk",
      matches: [
        [2, 6],
        [8, 12],
      ],
    }),
  ).toEqual([
    { text: "🥛 ", isMatch: false },
    { text: "milk", isMatch: true },
    { text: ", ", isMatch: false },
    { text: "Milk", isMatch: true },
  ]);
  expect(piecesOf({ text: "", matches: [] })).toEqual([]);
  expect(piecesOf({ text: "ab", matches: [[0, 9]] })).toEqual([{ text: "ab", isMatch: true }]);
});
