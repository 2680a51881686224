import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { join } from "node:path";
import fc from "fast-check";
import type { XsError } from "../../src/core/error.ts";
import {
  decodeRecord,
  encodeRecord,
  hashOfRecord,
  headOfRecord,
  type JournalRecord,
} from "../../src/store/journal/record-codec.ts";
import { ids } from "../support/arbitrary.ts";
import { asSent, effectLists, oneOfEach } from "../support/effects.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, at) => at);
const OTHER_KEY = new Uint8Array(32).fill(9);

const records: fc.Arbitrary<JournalRecord> = fc.record({
  prev: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  nonce: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  epoch: fc.maxSafeNat(),
  newest: fc.oneof(fc.constant(""), ids),
  effects: effectLists,
});

const record: JournalRecord = {
  prev: new Uint8Array(32).fill(1),
  nonce: new Uint8Array(16).fill(2),
  epoch: 3,
  newest: "03g8tcu6hubrb4x1ezxc2b8cy",
  effects: oneOfEach(1),
};

/** The message of a refusal, which must have the code of one. */
function refusal(bytes: Uint8Array, key = KEY): string {
  try {
    decodeRecord(bytes, key);
  } catch (error) {
    const { name, code, message } = error as XsError;
    expect({ name, code }).toEqual({ name: "XsError", code: "journal_damaged" });
    return message;
  }
  throw new Error("it was not refused");
}

/** Puts the checksum right again, as a forger can. */
function withChecksum(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const crc = Bun.hash.crc32(bytes.subarray(8), Bun.hash.crc32(bytes.subarray(0, 4)));
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(4, crc, true);
  return bytes;
}

/** Signs a record that was changed, as only a node can. */
function signed(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const mac = createHmac("sha256", KEY).update(bytes.subarray(0, 4)).update(bytes.subarray(40));
  bytes.set(mac.digest(), 8);
  return withChecksum(bytes);
}

describe("a record of the journal", () => {
  test("comes back from its bytes as it was, but for what is not sent", () => {
    fc.assert(
      fc.property(records, (given) => {
        const got = decodeRecord(encodeRecord(given, KEY), KEY);
        expect(got).toEqual({ ...given, effects: asSent(given.effects) });
      }),
      { numRuns: 500 },
    );
  });

  test("is the same bytes for the same value", () => {
    expect(encodeRecord(record, KEY)).toEqual(encodeRecord(record, KEY));
  });

  test("tells its place without its effects", () => {
    const { effects: _, ...head } = record;
    expect(headOfRecord(encodeRecord(record, KEY), KEY)).toEqual(head);
    expect(() => headOfRecord(encodeRecord(record, OTHER_KEY), KEY)).toThrow("cluster key");
  });

  test("shares no memory with its bytes", () => {
    const bytes = encodeRecord(record, KEY);
    const got = decodeRecord(bytes, KEY);
    bytes.fill(0);
    expect(got).toEqual({ ...record, effects: asSent(record.effects) });
  });

  test("is read from the middle of other bytes", () => {
    const bytes = encodeRecord(record, KEY);
    const around = new Uint8Array(bytes.length + 20).fill(255);
    around.set(bytes, 10);
    const got = decodeRecord(around.subarray(10, 10 + bytes.length), KEY);
    expect(got).toEqual(decodeRecord(bytes, KEY));
  });

  test("holds a line once, if an answer repeats it", () => {
    const frame = oneOfEach(1).find(({ kind }) => kind === "frame");
    if (frame?.kind !== "frame") throw new Error("there is no frame");
    const line = frame.line.replace('"meta":', `"meta":"${"x".repeat(1000)}","was":`);
    const effects = [
      { ...frame, line, isEphemeral: false },
      { kind: "answer", key: "k", expires: 1, request: "r", frames: [line, line] } as const,
    ];
    const bytes = encodeRecord({ ...record, effects }, KEY);
    expect(bytes.length).toBeLessThan(line.length + 300);
    expect(decodeRecord(bytes, KEY).effects).toEqual(effects);
  });

  test("has a hash that changes with the nonce", () => {
    const hash = hashOfRecord(encodeRecord(record, KEY));
    const other = { ...record, nonce: new Uint8Array(16).fill(3) };
    expect(hash.length).toBe(32);
    expect(hashOfRecord(encodeRecord(other, KEY))).not.toEqual(hash);
  });
});

describe("what is refused", () => {
  const bytes = encodeRecord(record, KEY);

  test("a record that is cut off, wherever", () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(refusal(bytes.subarray(0, length))).toContain("is damaged");
    }
  });

  test("a record with bytes behind it", () => {
    const longer = new Uint8Array([...bytes, 0]);
    expect(refusal(longer)).toContain("is damaged");
    expect(refusal(signed(longer))).toContain("is damaged: bytes follow the last effect");
  });

  test("a record with a flipped bit, wherever; one with a new checksum as well", () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = new Uint8Array(bytes);
      flipped[bit >>> 3] = (flipped[bit >>> 3] as number) ^ (1 << (bit & 7));
      expect(refusal(flipped)).toContain("is damaged");
      const isChecksum = bit >>> 3 >= 4 && bit >>> 3 < 8;
      if (!isChecksum) expect(refusal(withChecksum(flipped))).toMatch(/is damaged|cluster key/);
    }
  });

  test("a record by another key, with a sentence about the key", () => {
    expect(refusal(bytes, OTHER_KEY)).toContain("not written with the cluster key of this store");
  });

  test("a record of a later version, and only if a node wrote it", () => {
    const later = new Uint8Array(bytes);
    later[3] = 2;
    expect(refusal(later)).toContain("is damaged");
    expect(refusal(withChecksum(later))).toContain("cluster key");
    expect(refusal(signed(later))).toMatch(/a newer xs wrote .*version 2.*upgrade xs/);
  });

  test("an effect and a member that are not known", () => {
    const effects = [{ kind: "node", node: "a" }] as const;
    const plain = encodeRecord({ ...record, newest: "", effects }, KEY);
    // The number of the effect, its flags, the length of the name and the name are the last bytes.
    const kind = plain.length - 4;
    const unknownKind = new Uint8Array(plain);
    unknownKind[kind] = 16;
    expect(refusal(signed(unknownKind))).toContain("a newer xs wrote");
    const unknownMember = new Uint8Array(plain);
    unknownMember[kind + 1] = 2;
    expect(refusal(signed(unknownMember))).toContain("a newer xs wrote");
  });

  test("a key, a hash or a number that is none, before anything is written", () => {
    expect(() => encodeRecord(record, new Uint8Array(0))).toThrow("0 bytes where 32 belong");
    expect(() => encodeRecord({ ...record, prev: new Uint8Array(31) }, KEY)).toThrow("31 bytes");
    expect(() => encodeRecord({ ...record, epoch: -1 }, KEY)).toThrow("not a whole number");
    expect(() => encodeRecord({ ...record, epoch: 0.5 }, KEY)).toThrow("not a whole number");
  });
});

test("a record of version 1 is read for ever", async () => {
  const file = join(import.meta.dir, "../fixtures/journal/record-1");
  const expected: unknown = await Bun.file(`${file}.json`).json();
  const got = decodeRecord(await Bun.file(`${file}.bin`).bytes(), KEY);
  const asText = JSON.stringify(got, (_, value: unknown) =>
    value instanceof Uint8Array ? { base64: value.toBase64() } : value,
  );
  expect(JSON.parse(asText)).toEqual(expected);
});
