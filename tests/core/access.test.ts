// What a read with a token may select: of the topics that it asks for those that the token reads, and nothing else.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { Access } from "../../src/core/access.ts";
import { parseTopicFilter, TopicFilter } from "../../src/core/pattern.ts";
import type { TokenScope } from "../../src/core/token.ts";
import { patternLists, topics } from "../support/arbitrary.ts";
import { topicMatcher } from "../support/topics.ts";

const accessTo = (more: Partial<TokenScope>) =>
  new Access({ name: "t", read: [], append: [], keys: null, cors: null, all: false, ...more });

/** Names that are, or are near, those of the runtime. */
const names = fc.oneof(
  { weight: 4, arbitrary: topics },
  {
    weight: 1,
    arbitrary: fc.constantFrom("stream.cross.start", "stream.cross", "stream.a", "a.cross.b"),
  },
);
const lists = fc.oneof(
  { weight: 4, arbitrary: patternLists },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ["*"],
      ["stream.*"],
      ["*", "!a.*"],
      ["*.cross.*"],
      ["stream.cross.*"],
    ),
  },
);

test("a read with a token takes what it asks for and the token reads", () => {
  fc.assert(
    fc.property(
      lists,
      fc.option(lists, { nil: undefined }),
      fc.boolean(),
      fc.array(names, { minLength: 1, maxLength: 20 }),
      (read, asked, all, seen) => {
        const access = accessTo({ read, all });
        const isMine = (topic: string) =>
          topicMatcher(read)(topic) && (all || !topic.startsWith("stream.cross."));
        for (const topic of seen) expect(access.reads(topic)).toBe(isMine(topic));
        const filter = asked && parseTopicFilter(asked.join());
        let narrowed: readonly string[] | undefined;
        try {
          narrowed = access.narrowed(filter);
        } catch (error) {
          expect(error).toMatchObject({ code: "forbidden" });
          // There is a pattern in which it reads nothing.
          const patterns = (filter ?? ["*"]).filter((each) => !each.startsWith("!"));
          const isEmpty = (pattern: string) =>
            !seen.some((topic) => topicMatcher([pattern])(topic) && isMine(topic));
          expect(patterns.some(isEmpty)).toBe(true);
          return;
        }
        for (const topic of seen) {
          const isWanted = isMine(topic) && topicMatcher(asked)(topic);
          expect([topic, new TopicFilter(narrowed).takes(topic)]).toEqual([topic, isWanted]);
          expect(topicMatcher(narrowed)(topic)).toBe(isWanted);
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test.each([
  [["note.*"], "note.a", ["note.a"]],
  [["note.*"], "*", ["note.*"]],
  [["*.recv"], "tcp.*", ["tcp.recv"]],
  [["note.*", "!note.diary"], "note.*", ["note.*", "!note.diary"]],
  [["note.*", "!note.diary"], "*,!note.a", ["note.*", "!note.a", "!note.diary"]],
  [["*"], "stream.*", ["stream.*", "!stream.cross.*"]],
  [["*"], undefined, ["*", "!stream.cross.*"]],
  [["note.*"], undefined, ["note.*"]],
])("%p asked for %p reads %p", (read, asked, narrowed) => {
  const filter = asked === undefined ? undefined : parseTopicFilter(asked);
  expect(accessTo({ read }).narrowed(filter)).toEqual(narrowed);
});

test.each([
  [
    ["note.*", "!note.diary"],
    "note.diary",
    "does not read note.diary: it reads note.*, !note.diary",
  ],
  [["note.*", "!note.diary.*"], "note.a,note.diary.x.*", "does not read note.diary.x.*"],
  [["*.recv"], "tcp.send", "does not read tcp.send"],
  [["*.recv"], "recv", "does not read recv"],
  [["*"], "stream.cross.*", "does not read stream.cross.*"],
  [["*"], "stream.cross.*.spawn", "does not read"],
])("%p does not read %p", (read, asked, message) => {
  expect(() => accessTo({ read }).narrowed(parseTopicFilter(asked))).toThrow(message);
});

test("appends go to the topics of the patterns, never to what may start code", () => {
  const access = accessTo({ append: ["*.*", "!secret.*", "!*.send"] });
  access.checkAppend("a.b");
  for (const topic of ["a", "secret.a", "a.send", "a.b.send", "stream.cross.handler.spawn"]) {
    expect(() => access.checkAppend(topic)).toThrow(/does not append/);
  }
});
