import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatReadOptions, parseReadOptions } from "../../src/core/read-options.ts";
import { ids, topics } from "../support/arbitrary.ts";

const counts = fc.nat({ max: Number.MAX_SAFE_INTEGER }).map(String);
const flags = fc.constantFrom("", "true", "yes", "false", "no");
const ages = fc.tuple(fc.nat(), fc.constantFrom(..."smhdw")).map(([n, unit]) => `${n}${unit}`);
const times = fc.nat({ max: 2 ** 48 - 1 }).map((ms) => new Date(ms).toISOString());
const moments = fc.oneof(ages, times);
const inTime = fc.oneof(
  fc.constant({}),
  fc.record({ since: moments }),
  fc.record({ until: moments }),
  fc.record({ since: moments, until: moments }),
  fc.record({ wait: fc.nat({ max: 2 ** 31 - 1 }).map(String) }),
);
const places = fc.record(
  {
    "last-id": ids,
    from: ids,
    tail: flags,
    follow: fc.oneof(flags, fc.integer({ min: 1, max: 2 ** 31 - 1 }).map(String)),
    limit: counts,
    last: counts,
    topic: fc
      .array(
        fc.oneof(
          topics,
          topics.map((t) => `${t}.*`),
        ),
        { minLength: 1 },
      )
      .map(String),
    order: fc.constantFrom("asc", "desc", "arrival"),
    "with-timestamp": flags,
  },
  { requiredKeys: [] },
);
const queries = fc.tuple(places, inTime).map(([place, time]) => ({ ...place, ...time }));

const parse = (query: string) => parseReadOptions(new URLSearchParams(query));

describe("read options", () => {
  test("come back from the query they make", () => {
    let accepted = 0;
    fc.assert(
      fc.property(queries, (query) => {
        const text = new URLSearchParams(query as Record<string, string>).toString();
        let options: ReturnType<typeof parse>;
        try {
          options = parse(text);
        } catch {
          return;
        }
        accepted++;
        expect(parseReadOptions(formatReadOptions(options))).toEqual(options);
      }),
      { numRuns: 4000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  test("of time count ages back from now, and take dates as UTC or as local", () => {
    const before = Date.now();
    const { since = 0, until = 0 } = parse("since=2h&until=90s");
    expect(since).toBeWithin(before - 7_200_000, Date.now() - 7_200_000 + 1);
    expect(until).toBeWithin(before - 90_000, Date.now() - 90_000 + 1);
    const text = [["since", "2026-11-26"]] as const;
    expect(parseReadOptions(text).since).toBe(Date.UTC(2026, 10, 26));
    expect(parseReadOptions(text, "local").since).toBe(new Date(2026, 10, 26).getTime());
    expect(parse("since=2026-11-26&until=2026-11-26")).toMatchObject({
      since: parse("until=2026-11-26").until,
    });
    expect([parse("wait=0").wait, parse("wait=30000").wait]).toEqual([0, 30_000]);
  });

  test("have aliases", () => {
    const id = "03hadtdyn9s2dxl5soli9q9dz";
    expect(parse(`after=${id}`)).toEqual(parse(`last-id=${id}`));
    expect(parse("new&follow")).toEqual(parse("tail&follow"));
    expect(parse("topic=a&topic=b")).toEqual(parse("topic=a,b"));
    expect(parse("follow=250").pulse).toBe(250);
    expect(parse("topic=*").topics).toBeUndefined();
  });

  test.each([
    ["limits=1", '"limits"'],
    ["limit=1000000000000000000", "limit="],
    ["limit=-1", "limit="],
    ["limit=", "limit="],
    ["last=1e3", "last="],
    ["last-id=x", "last-id="],
    ["from=x", "from="],
    ["follow=maybe", "follow="],
    ["follow=0", "follow="],
    ["follow=99999999999", "follow="],
    ["order=up", "order="],
    ["topic=a b", "topic"],
    ["limit=1&limit=2", '"limit" is given twice'],
    ["last-id=03hadtdyn9s2dxl5soli9q9dz&from=03hadtdyn9s2dxl5soli9q9dz", "last-id and from"],
    ["tail", "tail"],
    ["tail&follow&last=1", "tail"],
    ["tail&follow&last-id=03hadtdyn9s2dxl5soli9q9dz", "tail"],
    ["order=desc&follow", "order=desc"],
    ["order=desc&last=1", "order=desc"],
    ["order=desc&from=03hadtdyn9s2dxl5soli9q9dz", "order=desc"],
    ["since=", "since="],
    ["since=yesterday", "since="],
    ["until=2026-02-30", "until="],
    ["since=1h&since=2h", '"since" is given twice'],
    ["since=2026-11-27&until=2026-11-26", "since"],
    ["since=1h&until=2h", "until"],
    ["until=1h&follow", "until"],
    ["until=1h&follow&tail", "until"],
    ["until=1h&wait=5", "until"],
    ["since=1h&follow&tail", "since"],
    ["since=1h&wait=5&tail", "since"],
    ["wait", "wait="],
    ["wait=", "wait="],
    ["wait=-1", "wait="],
    ["wait=1.5", "wait="],
    ["wait=5s", "wait="],
    ["wait=2147483648", "wait="],
    ["wait=5&follow", "wait"],
    ["wait=5&follow=100", "wait"],
    ["wait=5&order=desc", "order=desc"],
    ["wait=5&tail&last-id=03hadtdyn9s2dxl5soli9q9dz", "tail"],
    ["wait=5&tail&last=1", "tail"],
  ])("%p is refused by name", (query, named) => {
    expect(() => parse(query)).toThrow(named);
  });
});
