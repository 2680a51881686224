import { expect, test } from "bun:test";
import fc from "fast-check";
import { idAt, type Place, placeOf, positionAt } from "../../src/core/place.ts";

const LARGEST = "f5lxx1zz5pnorynqglhzmsp33";
// Few ids, and close together, so that many are neighbours or the same.
const id = fc
  .integer({ min: 1, max: 80 })
  .map((n) => (BigInt(`0x3ff`) * 36n + BigInt(n)).toString(36).padStart(25, "0"));
const frame = fc.tuple(id, id).map(([one, other]) => {
  const [small, large] = [one, other].sort() as [string, string];
  return { id: small, position: large };
});

test("places sort as the pairs of position and id, and give both back", () => {
  fc.assert(
    fc.property(frame, frame, (one, other) => {
      const [a, b] = [placeOf(one.id, one.position), placeOf(other.id, other.position)];
      const order = (x: string, y: string) => Number(x > y) - Number(x < y);
      const wanted = order(one.position, other.position) || order(one.id, other.id);
      expect(order(a, b)).toBe(wanted);
      expect([idAt(a), positionAt(a)]).toEqual([one.id, one.position]);
    }),
  );
});

test("a frame that is not late has its id for a place, and nothing is before the empty one", () => {
  const start: Place = "";
  expect([placeOf(LARGEST), placeOf(LARGEST, LARGEST)]).toEqual([LARGEST, LARGEST]);
  expect(start < placeOf("0".repeat(25), "1".padStart(25, "0"))).toBe(true);
  expect([idAt(start), positionAt(start)]).toEqual(["", ""]);
});
