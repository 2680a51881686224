import fc from "fast-check";
import { packId } from "../../src/core/id.ts";
import type { Json } from "../../src/core/json.ts";

/** Topics as the rules allow them, of few letters, so that they meet. */
export const topics = fc
  .array(fc.stringMatching(/^[a-c_][a-b0-9_-]{0,2}$/), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join("."));

/** Patterns of such topics, with a `*` in any place. */
export const patterns = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 2, arbitrary: fc.stringMatching(/^[a-c_][ab0-9_-]{0,2}$/) },
        { weight: 1, arbitrary: fc.constant("*") },
      ),
      { minLength: 1, maxLength: 4 },
    ),
    fc.boolean(),
  )
  .map(([parts, isOpen]) => [...parts, ...(isOpen ? ["*"] : [])].join("."));

/** Comma lists of patterns that name at least one, some with a `!`. */
export const patternLists = fc
  .tuple(
    fc.array(patterns, { minLength: 1, maxLength: 4 }),
    fc.array(
      patterns.map((pattern) => `!${pattern}`),
      { maxLength: 3 },
    ),
    fc.infiniteStream(fc.nat()),
  )
  .map(([taken, away, keys]) => {
    const keyed = [...taken, ...away].map((each) => [keys.next().value as number, each] as const);
    return keyed.toSorted(([one], [other]) => one - other).map(([, each]) => each);
  });

export const ids = fc
  .record({
    ts_ms: fc.nat({ max: 2 ** 48 - 1 }),
    counter_hi: fc.nat({ max: 2 ** 24 - 1 }),
    counter_lo: fc.nat({ max: 2 ** 24 - 1 }),
    node: fc.nat({ max: 0xffffffff }).map((n) => n.toString(16).padStart(8, "0")),
  })
  .map(packId);

export const ttls = fc.oneof(
  fc.constantFrom("forever", "ephemeral"),
  fc.integer({ min: 1, max: 2 ** 52 }).map((ms) => `time:${ms}`),
  fc.integer({ min: 1 }).map((n) => `last:${n}`),
  fc.integer({ min: 1e11, max: 2 ** 52 }).map((ms) => `until:${ms}`),
);

export const metas = fc.jsonValue() as fc.Arbitrary<Json>;

export const hashes = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => `sha256-${Buffer.from(bytes).toString("base64")}`);
