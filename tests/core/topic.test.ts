import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseTopicFilter, scopesOf } from "../../src/core/pattern.ts";
import { parseClientTopic, parseTopic } from "../../src/core/topic.ts";
import { topics } from "../support/arbitrary.ts";
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
  const patterns = fc.oneof(
    topics,
    topics.map((topic) => `${topic}.*`),
    fc.constant("*"),
  );
  const lists = fc.array(patterns, { minLength: 1, maxLength: 5 });

  /** What a pattern means, said in another way than the code does. */
  const means = (pattern: string, topic: string) =>
    pattern === "*" ||
    pattern === topic ||
    (pattern.endsWith(".*") && topic.startsWith(pattern.slice(0, -1)));

  test("take exactly what their patterns mean", () => {
    fc.assert(
      fc.property(lists, topics, (list, topic) => {
        const matches = topicMatcher(parseTopicFilter(list.join(",")));
        expect(matches(topic)).toBe(list.some((pattern) => means(pattern, topic)));
      }),
      { numRuns: 1000 },
    );
  });

  test("give each topic through one scope at most", () => {
    fc.assert(
      fc.property(lists, topics, (list, topic) => {
        const scopes = parseTopicFilter(list.join(",")) ?? [];
        expect(scopesOf(topic).filter((scope) => scopes.includes(scope)).length).toBeLessThan(2);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    "",
    "a,,b",
    "a.*.b",
    "*.a",
    "a*",
    "a.b.",
    Array(101)
      .fill(0)
      .map((_, i) => `t${i}`)
      .join(),
  ])("%p is refused", (text) => {
    expect(() => parseTopicFilter(text)).toThrow("topic");
  });
});
