import fc from "fast-check";
import { seedFrom, setting } from "../support/random.ts";

/** Cases of the whole run: `XS_FUZZ_CASES=100000` for the long one. */
export const CASES = setting("XS_FUZZ_CASES", 5000);
export const SEED = seedFrom("XS_FUZZ_SEED");

/** How a share of all cases is run: `fc.assert(…, cases(0.1))`. */
export function cases(share: number): { numRuns: number; seed: number } {
  return { numRuns: Math.max(1, Math.round(CASES * share)), seed: SEED };
}

/** Any text: of the letters that matter to most parsers, or of all Unicode, also broken. */
const anyText = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'abz_019.-*,:/ "\\{}[]\n\r\t\0%=+é€') }),
  fc.string({ unit: "binary" }),
  fc.array(fc.integer({ min: 0xd7f0, max: 0xe010 })).map((codes) => String.fromCharCode(...codes)),
);

/** Texts that are right, and such as were right before somebody changed something. */
export function around(valid: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    drop: fc.nat({ max: 3 }),
    add: anyText,
    repeat: fc.constantFrom(1, 1, 1, 2, 300),
  });
  const changed = fc
    .tuple(valid, fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([text, changes]) =>
      changes.reduce((now, { at, drop, add, repeat }) => {
        const place = Math.floor(at * now.length);
        return now.slice(0, place) + add.repeat(repeat) + now.slice(place + drop);
      }, text),
    );
  return fc.oneof(valid, changed, changed, anyText);
}

/** Texts of which most are right: where several of them make one case, it may be right as a whole. */
export function mostly(valid: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof({ weight: 5, arbitrary: valid }, { weight: 1, arbitrary: around(valid) });
}

/** The same as `around`, of bytes. */
export function aroundBytes(
  valid: fc.Arbitrary<Uint8Array>,
): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    drop: fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 2000 })),
    add: fc.uint8Array({ maxLength: 20 }),
  });
  return fc.tuple(valid, fc.array(change, { maxLength: 3 })).map(([bytes, changes]) =>
    changes.reduce<Uint8Array<ArrayBuffer>>((now, { at, drop, add }) => {
      const place = Math.floor(at * now.length);
      return new Uint8Array(
        Buffer.concat([now.subarray(0, place), add, now.subarray(place + drop)]),
      );
    }, new Uint8Array(bytes)),
  );
}
