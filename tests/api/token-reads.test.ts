// What a token reads, whose patterns cover the topics of the runtime, against a model: the frames of the owner without those.
import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { restricted } from "../../src/api/restricted.ts";
import { Access } from "../../src/core/access.ts";
import type { Frame } from "../../src/core/frame.ts";
import { READ_ALL, type ReadOptions } from "../../src/core/read-options.ts";
import { append, readAll, withStore } from "../support/store.ts";
import { topicMatcher } from "../support/topics.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const scope = { name: "t", read: ["*"], append: [], keys: null, cors: null, all: false };

test("limits, the newest, bounds and orders are those of a store without the runtime's frames", async () => {
  await withStore(async (store) => {
    const topics = ["note", "stream.cross.start", "stream.cross.stop", "stream.other", "a.b"];
    const frames: Frame[] = [];
    for (let n = 0; n < 120; n++) {
      // Runs of frames that are left out, longer than a page of the first size.
      const topic = n > 20 && n < 60 ? "stream.cross.stop" : (topics[(n * 7) % 5] ?? "");
      frames.push(await append(store, topic, { content: String(n) }));
    }
    const seen = restricted(store, new Access(scope));
    const place = fc.option(fc.nat(frames.length - 1), { nil: undefined });
    const count = fc.option(fc.nat(40), { nil: undefined });
    const given = fc.record({
      after: place,
      from: place,
      limit: count,
      last: count,
      order: fc.constantFrom("asc", "desc", "arrival"),
      topics: fc.constantFrom<(readonly string[] | undefined)[]>(
        undefined,
        ["stream.*"],
        ["note", "stream.*"],
        ["note"],
        ["*", "!a.*"],
        ["*.other"],
      ),
    });
    await fc.assert(
      fc.asyncProperty(given, async ({ after, from, limit, last, order, topics: patterns }) => {
        fc.pre(after === undefined || from === undefined);
        fc.pre(order === "asc" || last === undefined);
        fc.pre(order !== "desc" || from === undefined);
        const idAt = (at: number) => frames[at]?.id ?? "";
        const options: ReadOptions = {
          ...READ_ALL,
          order: order as ReadOptions["order"],
          ...(after !== undefined && { after: idAt(after) }),
          ...(from !== undefined && { from: idAt(from) }),
          ...(limit !== undefined && { limit }),
          ...(last !== undefined && { last }),
          ...(patterns && { topics: patterns }),
        };
        const isWanted = ({ topic }: Frame) =>
          !topic.startsWith("stream.cross.") && topicMatcher(patterns)(topic);
        const mine = frames.filter(isWanted);
        const newest =
          last === undefined ? mine : mine.slice(mine.length - Math.min(last, mine.length));
        let expected = newest.filter(({ id }) =>
          order === "desc"
            ? after === undefined || id < idAt(after)
            : (after === undefined || id > idAt(after)) && (from === undefined || id >= idAt(from)),
        );
        if (order === "desc") expected = expected.toReversed();
        expect(await readAll(seen, options)).toEqual(expected.slice(0, limit));
      }),
      { numRuns: 400 },
    );
    // The neighbours of each frame.
    const mine = frames.filter(({ topic }) => !topic.startsWith("stream.cross."));
    for (const { id } of frames) {
      const next = mine.find((frame) => frame.id > id)?.id;
      const previous = mine.findLast((frame) => frame.id < id)?.id;
      for (const [direction, wanted] of [
        ["next", next],
        ["previous", previous],
      ] as const) {
        const line = seen.neighbour(id, direction);
        expect(line && (JSON.parse(line) as Frame).id).toBe(wanted);
      }
    }
  });
});

test("a member of the store that is not for tokens is refused, also one that comes later", async () => {
  await withStore(async (store) => {
    const seen = restricted(store, new Access({ ...scope, append: ["*"], keys: "", all: true }));
    for (const member of [
      "remove",
      "snapshot",
      "check",
      "beginImport",
      "metrics",
      "path",
      "later",
    ]) {
      expect(() => seen[member as keyof typeof seen]).toThrow('the token "t" is not for this');
    }
  });
});
