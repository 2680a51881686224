import { idInLine } from "../../core/frame.ts";
import { timestampOf } from "../../core/id.ts";
import { topicInLine } from "../../core/index-keys.ts";
import type {
  AnswerEffect,
  Effect,
  EntryEffect,
  FrameEffect,
  RemovalEffect,
  SweepEffect,
} from "../sqlite/commit/record.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

/**
 * The number of each kind of effect in a record. Numbers are for ever: one that is no longer written stays taken. A kind
 * that is added needs a higher version of the record, see `record-codec.ts`.
 */
const KINDS = {
  frame: 1,
  remove: 2,
  tombstone: 3,
  entry: 4,
  content: 5,
  candidates: 6,
  answer: 7,
  growing: 8,
  sweep: 9,
  newest: 10,
  filling: 11,
  freed: 12,
  blob: 13,
  lead: 14,
  node: 15,
} as const satisfies Record<Effect["kind"], number>;

const KIND_OF = new Map<number, Effect["kind"]>(
  Object.entries(KINDS).map(([kind, number]) => [number, kind as Effect["kind"]]),
);

/** The bits of {@link flags}. */
const FIRST = 1;
const SECOND = 2;
const THIRD = 4;

/** A kind of effect, or a member of one, that this version does not know. */
export class UnknownEffect extends Error {
  static override readonly name = "UnknownEffect";
}

/** Whether other nodes get an effect. */
export function isSent(effect: Effect): boolean {
  return effect.kind !== "frame" || !effect.isEphemeral;
}

/** Writes the effects of one record. */
export class EffectWriter {
  readonly #to: ByteWriter;
  /** The lines of the frames so far: an answer names them by their place. */
  readonly #lines: string[] = [];
  #places: Map<string, number> | undefined;

  constructor(to: ByteWriter) {
    this.#to = to;
  }

  write(effect: Effect): void {
    const to = this.#to;
    to.byte(KINDS[effect.kind]);
    switch (effect.kind) {
      case "frame":
        this.#frame(effect);
        return;
      case "remove":
        to.byte(flags(effect.tombstone !== undefined));
        to.text(effect.id);
        if (effect.tombstone !== undefined) to.number(effect.tombstone);
        return;
      case "tombstone":
        to.byte(flags(effect.ms !== null));
        to.text(effect.id);
        if (effect.ms !== null) to.number(effect.ms);
        return;
      case "entry":
        to.byte(flags(effect.writer !== null, effect.value !== null, effect.isForgotten));
        to.text(effect.key);
        to.text(effect.rev);
        to.text(effect.type);
        if (effect.writer !== null) to.text(effect.writer);
        if (effect.value !== null) to.sized(effect.value);
        return;
      case "content":
        to.text(effect.hash);
        to.sized(effect.bytes);
        return;
      case "candidates":
        to.byte(flags(effect.kept));
        this.#texts(effect.hashes);
        return;
      case "answer":
        this.#answer(effect);
        return;
      case "growing":
        to.byte(flags(effect.ended));
        to.text(effect.id);
        return;
      case "sweep":
        this.#sweep(effect);
        return;
      case "newest":
        to.text(effect.id);
        return;
      case "filling":
        to.byte(flags(effect.of !== null));
        if (effect.of !== null) to.text(effect.of);
        to.text(effect.newest);
        return;
      case "freed":
        this.#texts(effect.hashes);
        return;
      case "blob":
        to.text(effect.hash);
        to.number(effect.size);
        to.text(effect.name);
        return;
      case "lead":
        to.number(effect.epoch);
        to.text(effect.node);
        to.text(effect.run);
        return;
      case "node":
        to.byte(flags(effect.isGone));
        to.text(effect.node);
    }
  }

  /** The id, the topic and the time of a frame are in its line. */
  #frame({ line, expires, last, position }: FrameEffect): void {
    const to = this.#to;
    to.byte(flags(expires !== null, last !== undefined, position !== undefined));
    to.text(line);
    if (expires !== null) to.number(expires);
    if (last !== undefined) to.number(last);
    if (position !== undefined) to.text(position);
    this.#lines.push(line);
  }

  /** Most lines of an answer came in with the same record: such a line is 1 + its place among the frames, another 0 and the line. */
  #answer({ key, expires, request, frames }: AnswerEffect): void {
    const to = this.#to;
    to.text(key);
    to.number(expires);
    to.text(request);
    to.number(frames.length);
    for (const line of frames) {
      const place = this.#placeOf(line);
      to.number(place === undefined ? 0 : place + 1);
      if (place === undefined) to.text(line);
    }
  }

  #placeOf(line: string): number | undefined {
    this.#places ??= new Map();
    for (let at = this.#places.size; at < this.#lines.length; at++) {
      this.#places.set(this.#lines[at] as string, at);
    }
    return this.#places.get(line);
  }

  #sweep({ answers, shortenAnswers, tombstones }: SweepEffect): void {
    const to = this.#to;
    to.byte(flags(answers !== undefined, shortenAnswers !== undefined, tombstones !== undefined));
    for (const ms of [answers, shortenAnswers, tombstones]) if (ms !== undefined) to.number(ms);
  }

  #texts(texts: readonly string[]): void {
    this.#to.number(texts.length);
    for (const text of texts) this.#to.text(text);
  }
}

/** Reads the effects of one record. */
export class EffectReader {
  readonly #from: ByteReader;
  readonly #lines: string[] = [];

  constructor(from: ByteReader) {
    this.#from = from;
  }

  /** @throws UnknownEffect */
  read(): Effect {
    const from = this.#from;
    const number = from.byte();
    const kind = KIND_OF.get(number);
    switch (kind) {
      case "frame":
        return this.#frame();
      case "remove":
        return this.#removal();
      case "tombstone": {
        const isTimed = this.#flags(1) === FIRST;
        return { kind, id: from.text(), ms: isTimed ? from.number() : null };
      }
      case "entry":
        return this.#entry();
      case "content":
        return { kind, hash: from.text(), bytes: from.sized() };
      case "candidates": {
        const isKept = this.#flags(1) === FIRST;
        return { kind, hashes: this.#texts(), ...(isKept && { kept: true }) };
      }
      case "answer":
        return this.#answer();
      case "growing": {
        const hasEnded = this.#flags(1) === FIRST;
        return { kind, id: from.text(), ...(hasEnded && { ended: true }) };
      }
      case "sweep":
        return this.#sweep();
      case "newest":
        return { kind, id: from.text() };
      case "filling": {
        const isNamed = this.#flags(1) === FIRST;
        return { kind, of: isNamed ? from.text() : null, newest: from.text() };
      }
      case "freed":
        return { kind, hashes: this.#texts() };
      case "blob":
        return { kind, hash: from.text(), size: from.number(), name: from.text() };
      case "lead":
        return { kind, epoch: from.number(), node: from.text(), run: from.text() };
      case "node": {
        const isGone = this.#flags(1) === FIRST;
        return { kind, node: from.text(), ...(isGone && { isGone }) };
      }
      case undefined:
        throw new UnknownEffect(`no kind of effect has the number ${number}`);
    }
  }

  #frame(): FrameEffect {
    const from = this.#from;
    const has = this.#flags(3);
    const line = from.text();
    this.#lines.push(line);
    const id = idInLine(line);
    return {
      kind: "frame",
      id,
      topic: topicInLine(line),
      ms: timestampOf(id),
      line,
      expires: has & FIRST ? from.number() : null,
      last: has & SECOND ? from.number() : undefined,
      position: has & THIRD ? from.text() : undefined,
      isEphemeral: false,
    };
  }

  #removal(): RemovalEffect {
    const byUser = this.#flags(1) === FIRST;
    const id = this.#from.text();
    return { kind: "remove", id, ...(byUser && { tombstone: this.#from.number() }) };
  }

  #entry(): EntryEffect {
    const from = this.#from;
    const has = this.#flags(3);
    return {
      kind: "entry",
      key: from.text(),
      rev: from.text(),
      type: from.text(),
      writer: has & FIRST ? from.text() : null,
      value: has & SECOND ? from.sized() : null,
      ...(has & THIRD && { isForgotten: true }),
    };
  }

  #answer(): AnswerEffect {
    const from = this.#from;
    return {
      kind: "answer",
      key: from.text(),
      expires: from.number(),
      request: from.text(),
      frames: Array.from({ length: from.number() }, () => {
        const place = from.number();
        if (place === 0) return from.text();
        const line = this.#lines[place - 1];
        if (line === undefined) throw new RangeError("an answer names a frame that is not there");
        return line;
      }),
    };
  }

  #sweep(): SweepEffect {
    const has = this.#flags(3);
    return {
      kind: "sweep",
      ...(has & FIRST && { answers: this.#from.number() }),
      ...(has & SECOND && { shortenAnswers: this.#from.number() }),
      ...(has & THIRD && { tombstones: this.#from.number() }),
    };
  }

  #texts(): string[] {
    return Array.from({ length: this.#from.number() }, () => this.#from.text());
  }

  /** Which of the members that may be missing are there. @throws UnknownEffect if there are more of them */
  #flags(count: 1 | 2 | 3): number {
    const bits = this.#from.byte();
    if (bits >>> count > 0) throw new UnknownEffect("an effect has a member that is not known");
    return bits;
  }
}

/** One bit for each member that may be missing. No rest parameters: this runs for every frame. */
function flags(first = false, second = false, third = false): number {
  return (first ? FIRST : 0) | (second ? SECOND : 0) | (third ? THIRD : 0);
}
