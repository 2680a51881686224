import { expect, test } from "bun:test";
import fc from "fast-check";
import { packId } from "../../src/core/id.ts";
import { type Frame, idBefore } from "../../src/ui/page/lib/frame.ts";
import { merged, placeOf, without } from "../../src/ui/page/views/stream/frames.ts";

function frame(n: number): Frame {
  const id = packId({ ts_ms: n, counter_hi: 0, counter_lo: 0, node: "00000000" });
  return { topic: "a", id, hash: null, meta: null, ttl: "forever" };
}

const numbers = fc.array(fc.nat(200), { maxLength: 60 });
const sorted = (all: readonly number[]) => [...new Set(all)].sort((a, b) => a - b);

test("frames are put among others: in order, each once", () => {
  fc.assert(
    fc.property(numbers, numbers, (before, more) => {
      const found = merged(sorted(before).map(frame), more.map(frame));
      expect(found).toEqual(sorted([...before, ...more]).map(frame));
    }),
  );
});

test("an id has its place, or the one that it would have", () => {
  fc.assert(
    fc.property(numbers, fc.nat(200), (all, n) => {
      const frames = sorted(all);
      const place = placeOf(frames.map(frame), frame(n).id);
      expect(place).toBe(frames.filter((each) => each < n).length);
    }),
  );
});

test("the id before another is the next lower one", () => {
  const ids = fc.tuple(fc.bigInt(1n, 2n ** 128n - 1n));
  fc.assert(
    fc.property(ids, ([value]) => {
      const text = (n: bigint) => n.toString(36).padStart(25, "0");
      expect(idBefore(text(value))).toBe(text(value - 1n));
    }),
  );
  expect(idBefore("0".repeat(25))).toBe("0".repeat(25));
});

test("frames that were removed go", () => {
  const frames = [1, 2, 3].map(frame);
  expect(without(frames, new Set([frame(2).id]))).toEqual([frame(1), frame(3)]);
});
