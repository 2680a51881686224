import { expect, test } from "bun:test";
import { lastIdIn, pageOf } from "../../src/core/frame.ts";
import { InFlight } from "../../src/processors/handler/in-flight.ts";

const idOf = (n: number) => `03hb3mt4fd3o1f000000000${n}0`.slice(0, 25).padEnd(25, "0");
const page = (...numbers: number[]) => {
  const line = (n: number) =>
    `{"topic":"note","id":"${idOf(n)}","hash":null,"meta":null,"ttl":"forever"}`;
  const bytes = pageOf(numbers.map(line));
  return { bytes, last: lastIdIn(bytes), position: undefined };
};

test("pages that are done keep their place until the commit, and not their memory", () => {
  const inFlight = new InFlight();
  for (const each of [page(1, 2), page(3, 4), page(5, 6)]) inFlight.add(each);
  // The second page is done in part only.
  inFlight.release(idOf(3));
  expect(inFlight.placesAfter("")).toEqual([3, 4, 5, 6].map(idOf));
  expect(inFlight.topicOf(idOf(3))).toBe("note");
  expect(inFlight.hasMoreAfter(idOf(2))).toBe(true);
  inFlight.release(idOf(6));
  expect([inFlight.placesAfter(""), inFlight.isEmpty]).toEqual([[], false]);
  inFlight.done(idOf(6));
  expect(inFlight.isEmpty).toBe(true);
});
