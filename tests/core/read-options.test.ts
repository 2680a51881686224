import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatReadOptions, parseReadOptions } from "../../src/core/read-options.ts";
import { ids, topics } from "../support/arbitrary.ts";

const counts = fc.nat({ max: Number.MAX_SAFE_INTEGER }).map(String);
const flags = fc.constantFrom("", "true", "yes", "false", "no");
const queries = fc.record(
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
    order: fc.constantFrom("asc", "desc"),
    "with-timestamp": flags,
  },
  { requiredKeys: [] },
);

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
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(100);
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
  ])("%p is refused by name", (query, named) => {
    expect(() => parse(query)).toThrow(named);
  });
});
