import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { commonPattern, parseTopicFilter, scopesOf, TopicFilter } from "../../src/core/pattern.ts";
import { parseClientTopic, parseTopic } from "../../src/core/topic.ts";
import { patternLists, patterns, topics } from "../support/arbitrary.ts";
import { topicMatcher } from "../support/topics.ts";

describe("topics", () => {
  test.each(["a", "_", "A.b-c_9", "a".repeat(255)])("%p is one", (topic) => {
    expect(parseTopic(topic)).toBe(topic);
  });

  test.each(["", "1a", ".a", "-a", "a.", "a..b", "a b", "a/b", "é", "a*", "a".repeat(256)])(
    "%p is none",
    (topic) => {
      expect(() => parseTopic(topic)).toThrow("topic");
    },
  );

  test("below stream.cross only spawn and terminate are for clients", () => {
    const allowed = ["handler.spawn", "generator.terminate", "duplex.spawn"];
    for (const end of allowed) expect(parseClientTopic(`stream.cross.${end}`)).toEndWith(end);
    for (const end of ["start", "stop", "handler.active", "pulse", "spawn", "spawn.x"]) {
      expect(() => parseClientTopic(`stream.cross.${end}`)).toThrow("belongs to the runtime");
    }
    expect(parseClientTopic("stream.crossing")).toBe("stream.crossing");
  });
});

describe("topic filters", () => {
  test("take exactly what their patterns mean", () => {
    fc.assert(
      fc.property(patternLists, topics, (list, topic) => {
        const filter = parseTopicFilter(list.join(","));
        const isTaken = topicMatcher(list)(topic);
        expect(new TopicFilter(filter).takes(topic)).toBe(isTaken);
        expect(topicMatcher(filter)(topic)).toBe(isTaken);
        expect(parseTopicFilter((filter ?? ["*"]).join(","))).toEqual(filter);
      }),
      { numRuns: 3000 },
    );
  });

  test("give each topic through one scope at most", () => {
    fc.assert(
      fc.property(patternLists, topics, (list, topic) => {
        const scopes = parseTopicFilter(list.join(",")) ?? [];
        expect(scopesOf(topic).filter((scope) => scopes.includes(scope)).length).toBeLessThan(2);
      }),
      { numRuns: 1000 },
    );
  });

  test("two patterns have in common what both take, as one pattern", () => {
    fc.assert(
      fc.property(patterns, patterns, topics, (one, other, topic) => {
        const common = commonPattern(one, other);
        const isTaken = topicMatcher([one])(topic) && topicMatcher([other])(topic);
        expect(common !== undefined && topicMatcher([common])(topic)).toBe(isTaken);
        expect(commonPattern(other, one)).toBe(common);
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    ["a.*", ["a.b", "a.b.c"], ["a", "ab", "b.a"]],
    ["*.recv", ["a.recv", "_.recv"], ["recv", "a.b.recv", "a.recv.b"]],
    ["a.*.b", ["a.x.b"], ["a.b", "a.x.y.b", "a.x.b.c"]],
    ["a.*.c.*", ["a.b.c.d", "a.b.c.d.e"], ["a.b.c", "a.c.d", "a.b.b.c.d"]],
    ["*.*", ["a.b", "a.b.c"], ["a"]],
    ["*,!stream.cross.*", ["a", "stream.cross", "stream.crossing"], ["stream.cross.start"]],
    ["!a.b, a.*", ["a.c"], ["a.b", "a"]],
    ["a.*,!a.*.x", ["a.b", "a.b.y", "a.x"], ["a.b.x"]],
    ["a,!a", [], ["a", "b"]],
    ["*, !*.x", ["a", "x", "x.y", "a.b.x"], ["a.x"]],
  ])("%p takes these", (text, taken, others) => {
    const filter = new TopicFilter(parseTopicFilter(text));
    expect(taken.filter((topic) => !filter.takes(topic))).toEqual([]);
    expect(others.filter((topic) => filter.takes(topic))).toEqual([]);
  });

  test.each([
    ["*", undefined],
    ["*,a,!b,*.c,!b", ["*", "!b"]],
    ["*, a.*", undefined],
    ["b,a.*,a.b,a.*.c", ["a.*", "b"]],
    ["a,!b", ["a"]],
    ["a.*,!b.*,!*.c,!a.c", ["a.*", "!*.c"]],
  ])("%p has one normal form", (text, list) => {
    expect(parseTopicFilter(text)).toEqual(list);
  });

  test.each([
    ["", /topic "" is empty/],
    ["a,,b", /empty part/],
    ["a,", /empty part/],
    ["a*", /"a\*" has a \* beside other.*a\.\*/],
    ["*a.b", /"\*a\.b" has a \* beside/],
    ["a.**", /"a\.\*\*" has a \* beside/],
    ["!", /"!" is not whole.*\*,!a\.\*/],
    ["!!a", /"!!a" has more than one !/],
    ["*,!", /"!" is not whole/],
    ["!a", /"!a" only takes topics away.*"\*,!a"/],
    ["!a.*,!b", /"\*,!a\.\*,!b"/],
    ["a..b", /topic "a\.\.b" may not hold '\.\.'/],
    ["a..*", /topic pattern "a\.\.\*" may not end with|may not hold/],
    ["*..b", /topic pattern "\*\.\.b" may not hold/],
    ["a.b.", /may not end with/],
    ["a!b", /may hold only/],
    ["*.é", /may hold only/],
    [`*.${"a".repeat(255)}`, /longer than 255/],
    [Array.from({ length: 101 }, (_, n) => `t${n}`).join(), /topics has at most 100 patterns/],
  ])("%p is refused", (text, message) => {
    expect(() => parseTopicFilter(text)).toThrow(message);
  });
});
