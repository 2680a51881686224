import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { idsFitTime, isLinearizable, type Operation } from "./checker.ts";
import { type PairInput, type PairOutput, pairModel, topicModel } from "./models.ts";

type Call = Operation<PairInput, PairOutput>;

const put = (start: number, end: number, value: string, rev: string, ifMatch?: string): Call => ({
  start,
  end,
  input: { do: "put", value, ...(ifMatch !== undefined && { ifMatch }) },
  output: end === Infinity ? undefined : { rev },
});
const get = (start: number, end: number, output: PairOutput): Call => ({
  start,
  end,
  input: { do: "get" },
  output,
});
const v = (value: string, rev: string) => ({ value, rev });

describe("the checker takes", () => {
  test.each<[string, Call[]]>([
    ["one after the other", [put(0, 1, "a", "1"), get(2, 3, v("a", "1"))]],
    ["a read beside a write, of what was before", [put(0, 3, "a", "1"), get(1, 2, null)]],
    ["a read beside a write, of what comes", [put(0, 3, "a", "1"), get(1, 2, v("a", "1"))]],
    ["an effect without an answer", [put(0, Infinity, "a", ""), get(8, 9, v("a", "1"))]],
    ["no effect without an answer", [put(0, Infinity, "a", ""), get(8, 9, null)]],
    ["a late effect", [put(0, Infinity, "a", ""), get(1, 2, null), get(8, 9, v("a", "1"))]],
  ])("%s", (_, history) => {
    expect(isLinearizable(pairModel, history)).toBe(true);
  });
});

describe("the checker refuses", () => {
  test.each<[string, Call[]]>([
    ["a lost write", [put(0, 1, "a", "1"), get(2, 3, null)]],
    ["a stale read", [put(0, 1, "a", "1"), put(2, 3, "b", "2"), get(4, 5, v("a", "1"))]],
    ["going back", [put(0, 9, "a", "1"), get(1, 2, v("a", "1")), get(3, 4, null)]],
    ["another value", [put(0, 1, "a", "1"), get(2, 3, v("b", "1"))]],
    [
      "two that replace the same revision",
      [put(0, 1, "a", "1"), put(2, 5, "b", "2", "1"), put(2, 5, "c", "3", "1")],
    ],
    ["an effect taken back", [put(0, Infinity, "a", ""), get(1, 2, v("a", "1")), get(3, 4, null)]],
  ])("%s", (_, history) => {
    expect(isLinearizable(pairModel, history)).toBe(false);
  });

  test("a conditional append that overlooks another, and ids that go back", () => {
    const append = (at: number, id: string, after?: string) => ({
      start: at,
      end: at + 1,
      input: { do: "append" as const, ...(after !== undefined && { expect: after }) },
      output: { id },
    });
    expect(isLinearizable(topicModel, [append(0, "1"), append(2, "2", "1")])).toBe(true);
    const overlooked = [append(0, "1"), append(2, "2"), append(4, "3", "1")];
    expect(isLinearizable(topicModel, overlooked)).toBe(false);
    expect(isLinearizable(topicModel, [append(0, "2"), append(2, "1")])).toBe(false);
    const given = (start: number, end: number, id: string) => ({ start, end, id });
    expect(idsFitTime([given(0, 3, "2"), given(1, 2, "1")])).toBe(true);
    expect(idsFitTime([given(0, 1, "2"), given(2, 3, "1")])).toBe(false);
    expect(idsFitTime([given(0, 3, "1"), given(1, 2, "1")])).toBe(false);
  });
});

/** The definition itself: some order of all of them fits. */
function byEveryOrder(history: readonly Call[], state = pairModel.initial): boolean {
  return (
    history.length === 0 ||
    history.some((call) => {
      if (history.some(({ end }) => end < call.start)) return false;
      const after = pairModel.step(state, call.input, call.output);
      return (
        after !== undefined &&
        byEveryOrder(
          history.filter((one) => one !== call),
          after,
        )
      );
    })
  );
}

test("the checker says what a trial of every order says", () => {
  const times = fc.tuple(fc.nat({ max: 12 }), fc.nat({ max: 6 }));
  const calls = fc.oneof(
    fc.tuple(times, fc.constantFrom("1", "2")).map(([[at, ms], n]) => put(at, at + ms, `v${n}`, n)),
    fc
      .tuple(times, fc.constantFrom(null, "1", "2"))
      .map(([[at, ms], n]) => get(at, at + ms, n === null ? null : v(`v${n}`, n))),
  );
  const verdicts = { true: 0, false: 0 };
  fc.assert(
    fc.property(fc.array(calls, { maxLength: 6 }), (history) => {
      const expected = byEveryOrder(history);
      verdicts[`${expected}`]++;
      expect(isLinearizable(pairModel, history)).toBe(expected);
    }),
    { numRuns: 2000 },
  );
  expect(Math.min(verdicts.true, verdicts.false)).toBeGreaterThan(100);
});
