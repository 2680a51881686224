import { expect, test } from "bun:test";
import { keepKey, keepRule, keepRuleIn, parseKept } from "../../src/core/keep-rule.ts";
import { parseTakenTopics, takes, takesProcessors } from "../../src/core/taken-topics.ts";

test.each([
  ["*", ["a", "a.b", "streams.cross.x", "stream.crossing"], ["stream.cross.start"]],
  ["a.*", ["a.b", "a.b.c"], ["a", "ab.c", "stream.cross.a.b"]],
  ["stream.*", ["stream.a"], ["stream.cross.start", "a"]],
  ["stream.cross.*", ["stream.cross.start", "stream.cross.handler.spawn"], ["a", "stream.a"]],
  ["*, stream.cross.start", ["a", "stream.cross.start"], ["stream.cross.stop"]],
  ["stream.*,stream.cross.a.*", ["stream.b", "stream.cross.a.b"], ["stream.cross.b"]],
  ["*.cross.*", ["a.cross.b"], ["stream.cross.start", "cross.b"]],
  ["*,!*.secret", ["a", "secret", "a.b.secret"], ["a.secret", "stream.cross.start"]],
  [
    "a,stream.cross.*,!stream.cross.handler.*,!*.*.stop",
    ["a", "stream.cross.start", "stream.cross.generator.stop"],
    ["stream.cross.stop", "stream.cross.handler.spawn", "b"],
  ],
  ["stream.cross.*.spawn,!a.b", ["stream.cross.handler.spawn"], ["stream.cross.spawn", "a.b"]],
  ["!a.b, a.*", ["a.c"], ["a.b", "a", "stream.cross.start"]],
])("%s takes these topics", (pattern, taken, others) => {
  const topics = parseTakenTopics(pattern);
  expect(taken.filter((topic) => !takes(topics, topic))).toEqual([]);
  expect(others.filter((topic) => takes(topics, topic))).toEqual([]);
  expect(parseTakenTopics(topics.text)).toEqual(topics);
});

test("a pattern that is none is refused", () => {
  for (const pattern of ["!a", "stream.cross.a*", "", "a..b", ",", "a b", "9"]) {
    expect(() => parseTakenTopics(pattern)).toThrow(/topic/);
  }
});

test("a rule keeps an age or a count", () => {
  expect(parseKept("30d")).toEqual({ age: 30 * 86_400_000 });
  expect(parseKept("100")).toEqual({ count: 100 });
  for (const text of ["0", "0s", "-1", "1.5", "30 d", "30days", "", "1e3", "30D", "9".repeat(16)]) {
    expect(() => parseKept(text)).toThrow(/neither an age/);
  }
});

test("a rule is read as it was written, and nothing else is a rule", () => {
  const rule = keepRule("b,a.*, b", { count: 3 });
  expect(rule).toEqual({ pattern: "a.*,b", age_ms: null, count: 3 });
  expect(keepKey("b,a.*")).toBe("stream.cross.keep/a.*,b");
  expect(keepRuleIn(Buffer.from(JSON.stringify(rule)))).toEqual(rule);
  for (const text of [
    "",
    "{}",
    '{"pattern":"a"}',
    '{"pattern":"a","age_ms":1,"count":1}',
    "null",
  ]) {
    expect(keepRuleIn(Buffer.from(text))).toBeUndefined();
  }
  expect(keepRuleIn(Buffer.from('{"pattern":"..","age_ms":1}'))).toBeUndefined();
  const long = Array.from({ length: 9 }, (_, n) => `${"a".repeat(100)}${n}`).join();
  expect(() => keepKey(long)).toThrow(/too long together/);
});

test.each([
  ["stream.cross.*", true],
  ["stream.cross.handler.*", true],
  ["stream.cross.handler.spawn", true],
  ["stream.cross.*.spawn", true],
  ["stream.cross.*.*", true],
  ["a,stream.cross.start", false],
  ["*", false],
  ["*.cross.*", false],
])("whether %s may take frames about processors: %p", (pattern, may) => {
  expect(takesProcessors(parseTakenTopics(pattern))).toBe(may);
});
