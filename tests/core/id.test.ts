import { expect, test } from "bun:test";
import fc from "fast-check";
import { IdSequence, packId, parseId, timestampOf, unpackId } from "../../src/core/id.ts";
import { ids } from "../support/arbitrary.ts";

test("an id comes back from its fields", () => {
  fc.assert(
    fc.property(ids, (id) => {
      expect(packId(unpackId(id))).toBe(id);
      expect(parseId(id.toUpperCase())).toBe(id);
      expect(timestampOf(id)).toBe(unpackId(id).ts_ms);
    }),
  );
});

test.each([
  "",
  "x",
  "0".repeat(24),
  "0".repeat(26),
  `${"0".repeat(24)}-`,
  "z".repeat(25),
  "f5lxx1zz5pnorynqglhzmsp34",
])("%p is no id", (text) => {
  expect(() => parseId(text)).toThrow("is not an id");
});

test.each([
  [null, "node"],
  [{ node: "0000000g" }, "node"],
  [{ ts_ms: -1, counter_hi: 0, counter_lo: 0, node: "00000000" }, "ts_ms"],
  [{ ts_ms: 1, counter_hi: 2 ** 24, counter_lo: 0, node: "00000000" }, "counter_hi"],
  [{ ts_ms: 1, counter_hi: 0, counter_lo: 0.5, node: "00000000" }, "counter_lo"],
])("fields %p do not make an id", (fields, named) => {
  expect(() => packId(fields)).toThrow(named);
});

test("ids increase whatever the clock does", () => {
  const clock = fc.array(fc.nat({ max: 2 ** 47 }), { minLength: 2, maxLength: 50 });
  fc.assert(
    fc.property(clock, (times) => {
      let now = 0;
      const sequence = new IdSequence(() => now);
      let newest = "";
      for (const time of times) {
        now = time;
        const id = sequence.next();
        expect(id > newest).toBe(true);
        newest = id;
      }
    }),
  );
});

test("ids go on above one that was advanced to", () => {
  fc.assert(
    fc.property(ids, fc.nat({ max: 2 ** 47 }), (seed, now) => {
      fc.pre(timestampOf(seed) < 2 ** 48 - 2);
      const sequence = new IdSequence(() => now);
      const before = sequence.next();
      sequence.advancePast(seed);
      const after = sequence.next();
      expect(after > seed && after > before).toBe(true);
    }),
  );
});
