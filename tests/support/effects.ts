import fc from "fast-check";
import { encodeFrame } from "../../src/core/frame.ts";
import { timestampOf } from "../../src/core/id.ts";
import { isSent } from "../../src/store/journal/effect-codec.ts";
import type { Effect, FrameEffect } from "../../src/store/sqlite/commit/record.ts";
import { hashes, ids, metas, topics, ttls } from "./arbitrary.ts";

/** Times and sizes: many are beyond 32 bits. */
const numbers = fc.oneof(fc.nat(300), fc.nat(), fc.maxSafeNat());
const texts = fc.string({ unit: "binary", maxLength: 20 });
const bytes = fc.uint8Array({ maxLength: 300 });
const some = fc.constant(true as const);

const frames: fc.Arbitrary<FrameEffect> = fc
  .record(
    {
      kind: fc.constant("frame" as const),
      id: ids,
      topic: topics,
      hash: fc.option(hashes),
      meta: metas,
      ttl: ttls,
      expires: fc.option(numbers),
      isEphemeral: fc.boolean(),
      last: numbers,
      position: ids,
    },
    {
      requiredKeys: ["kind", "id", "topic", "hash", "meta", "ttl", "expires", "isEphemeral"],
    },
  )
  .map(({ hash, meta, ttl, ...rest }) => {
    const { id, topic } = rest;
    const line = encodeFrame(id, { topic, hash, meta: JSON.stringify(meta), ttl });
    return { ...rest, ms: timestampOf(id), line };
  });

/** One arbitrary for each kind: a kind that is added does not compile until it has one. */
const KINDS: { readonly [Kind in Effect["kind"]]: fc.Arbitrary<Extract<Effect, { kind: Kind }>> } =
  {
    frame: frames,
    remove: fc.record(
      { kind: fc.constant("remove"), id: ids, seq: numbers, tombstone: numbers },
      { requiredKeys: ["kind", "id"] },
    ),
    tombstone: fc.record({ kind: fc.constant("tombstone"), id: ids, ms: fc.option(numbers) }),
    entry: fc.record(
      {
        kind: fc.constant("entry"),
        key: texts,
        rev: ids,
        type: texts,
        writer: fc.option(texts),
        value: fc.option(bytes),
        isForgotten: some,
      },
      { requiredKeys: ["kind", "key", "rev", "type", "writer", "value"] },
    ),
    content: fc.record({ kind: fc.constant("content"), hash: hashes, bytes }),
    candidates: fc.record(
      { kind: fc.constant("candidates"), hashes: fc.array(hashes), kept: some },
      { requiredKeys: ["kind", "hashes"] },
    ),
    answer: fc.record({
      kind: fc.constant("answer"),
      key: texts,
      expires: numbers,
      request: texts,
      frames: fc.array(
        frames.map(({ line }) => line),
        { maxLength: 3 },
      ),
    }),
    growing: fc.record(
      { kind: fc.constant("growing"), id: ids, ended: some },
      { requiredKeys: ["kind", "id"] },
    ),
    sweep: fc.record(
      {
        kind: fc.constant("sweep"),
        answers: numbers,
        shortenAnswers: numbers,
        tombstones: numbers,
      },
      { requiredKeys: ["kind"] },
    ),
    newest: fc.record({ kind: fc.constant("newest"), id: ids }),
    filling: fc.record({ kind: fc.constant("filling"), of: fc.option(texts), newest: ids }),
    freed: fc.record({ kind: fc.constant("freed"), hashes: fc.array(hashes) }),
    blob: fc.record({ kind: fc.constant("blob"), hash: hashes, size: numbers, name: texts }),
    lead: fc.record({ kind: fc.constant("lead"), epoch: numbers, node: texts, run: texts }),
    node: fc.record(
      { kind: fc.constant("node"), node: texts, isGone: some },
      { requiredKeys: ["kind", "node"] },
    ),
  };

/** The effects of one record, of all kinds. Some answers hold lines of its frames. */
export const effectLists: fc.Arbitrary<Effect[]> = fc
  .tuple(
    fc.array(fc.oneof(...(Object.values(KINDS) as fc.Arbitrary<Effect>[])), { maxLength: 30 }),
    fc.boolean(),
  )
  .map(([effects, repeats]) => {
    if (!repeats) return effects;
    const lines = effects.flatMap((effect) => (effect.kind === "frame" ? [effect.line] : []));
    return effects.map((effect) =>
      effect.kind === "answer" ? { ...effect, frames: [...effect.frames, ...lines] } : effect,
    );
  });

/** One effect of each kind that other nodes get, by a seed. */
export function oneOfEach(seed: number): Effect[] {
  return Object.values(KINDS).flatMap((kind) =>
    fc.sample((kind as fc.Arbitrary<Effect>).filter(isSent), { numRuns: 1, seed }),
  );
}

/** The effects that another node gets: no frame that is ephemeral, and no row of a frame that goes. */
export function asSent(effects: readonly Effect[]): Effect[] {
  return effects.flatMap((effect): Effect[] => {
    if (effect.kind === "frame")
      return effect.isEphemeral ? [] : [{ ...effect, isEphemeral: false }];
    if (effect.kind !== "remove") return [effect];
    const { seq: _, ...rest } = effect;
    return [rest];
  });
}
