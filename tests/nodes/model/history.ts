import { parseFrame } from "../../../src/core/frame.ts";
import type { Effect } from "../../../src/store/sqlite/commit/record.ts";
import { PlainStore } from "./plain-store.ts";

/** One write that a test asked of a node, and how it ended. */
export interface Op {
  readonly number: number;
  readonly what: "append" | "step" | "put" | "delete" | "remove" | "other";
  /** How many frames it appends. */
  readonly frames: number;
  /** The last record in the journal when it began, and when it ended. */
  readonly from: number;
  to: number;
  /** What it must find: the newest frame of a topic, or the revision of a key; null for none. */
  readonly expects?: {
    readonly of: "topic" | "key";
    readonly name: string;
    readonly is: string | null;
  };
  /** The id of the frame that it removes. */
  readonly id?: string;
  readonly idempotencyKey?: string;
  outcome: { readonly value: unknown } | { readonly code: string } | undefined;
}

/** Codes after which a write may have been done or not. */
const UNKNOWN = new Set(["journal_unreachable", "store_closed", "internal"]);

/** Whether nobody knows if a write was done. */
export function isUnknown({ outcome }: Op): boolean {
  return outcome !== undefined && "code" in outcome && UNKNOWN.has(outcome.code);
}

/** Holds the records of a journal against what was asked and answered. */
export class History {
  /** After each record, by position. */
  readonly dumps = new Map<number, string[]>();
  readonly problems: string[] = [];
  /** The number of its record, by op. */
  readonly recorded = new Map<number, number>();
  readonly #ops: ReadonlyMap<number, Op>;
  readonly #store = new PlainStore();
  readonly #states: { position: number; newest: Map<string, string>; revs: Map<string, string> }[] =
    [];
  readonly #removed = new Map<string, number>();
  readonly #came = new Map<string, number>();
  #newest = "";
  #outputs = 0;

  constructor(ops: readonly Op[]) {
    this.#ops = new Map(ops.map((op) => [op.number, op]));
    this.#note(0);
  }

  get frames() {
    return this.#store.frames;
  }

  /** The newest id of a frame. */
  get newest(): string {
    return this.#newest;
  }

  get came(): ReadonlyMap<string, number> {
    return this.#came;
  }

  wasRemoved(id: string): boolean {
    return this.#removed.has(id);
  }

  /** Applies a record. @param now the latest time that a clock showed by then, in ms */
  record(position: number, epoch: number, effects: readonly Effect[], now: number): void {
    const store = this.#store;
    if (epoch !== (store.leader?.epoch ?? 0))
      this.#problem(`record ${position} is of the epoch ${epoch}`);
    const frames = new Map<number, number>();
    for (const effect of effects) {
      this.#check(position, effect, effects, now);
      store.apply(effect);
      if (effect.kind === "frame") {
        this.#came.set(effect.id, position);
        const op = opIn(effect.line);
        if (op !== undefined && op >= 0) frames.set(op, (frames.get(op) ?? 0) + 1);
      }
      if (effect.kind === "remove") this.#removed.set(effect.id, position);
    }
    for (const [op, count] of frames) {
      if (this.recorded.has(op))
        this.#problem(`op ${op} is in ${this.recorded.get(op)} and ${position}`);
      this.recorded.set(op, position);
      const asked = this.#ops.get(op)?.frames;
      if (count !== asked) this.#problem(`op ${op} has ${count} frames of ${asked} in ${position}`);
    }
    for (const { topic } of [...store.frames.values()]) {
      const all = store.of(topic);
      for (const [at, { last, id }] of all.entries()) {
        if (last !== undefined && at + 1 > last)
          this.#problem(`last:${last} of ${id} does not hold after ${position}`);
      }
    }
    this.#note(position);
    this.dumps.set(position, store.dump());
  }

  /** Checks the answers once all records are in. */
  finish(): string[] {
    const keys = new Map<string, string>();
    for (const op of this.#ops.values()) {
      const { number, outcome, what, idempotencyKey } = op;
      if (!outcome) continue;
      const at = this.recorded.get(number);
      if ("code" in outcome) {
        if (at !== undefined && !UNKNOWN.has(outcome.code) && !idempotencyKey) {
          this.#problem(`op ${number} was refused (${outcome.code}) and is in ${at}`);
        }
        this.#checkRefusal(op, outcome.code);
        continue;
      }
      if (idempotencyKey !== undefined) {
        const answer = JSON.stringify(outcome.value);
        const before = keys.get(idempotencyKey) ?? answer;
        keys.set(idempotencyKey, before);
        if (before !== answer) this.#problem(`the key ${idempotencyKey} has two answers`);
        for (const line of outcome.value as string[]) {
          if (!this.#came.has(parseFrame(line).id))
            this.#problem(`a frame of op ${number} is lost`);
        }
      } else if (op.frames > 0 && at === undefined)
        this.#problem(`op ${number} was acknowledged and lost`);
      if (what === "remove") this.#checkRemoval(op, outcome.value);
    }
    return this.problems;
  }

  #check(position: number, effect: Effect, effects: readonly Effect[], now: number): void {
    const store = this.#store;
    if (effect.kind === "frame") {
      if (effect.position === undefined) {
        if (effect.id <= this.#newest)
          this.#problem(`ids do not rise at ${effect.id} in ${position}`);
        this.#newest = effect.id;
      }
      const op = this.#ops.get(opIn(effect.line) ?? -1);
      if (op?.expects?.of === "topic") {
        const newest = store.of(op.expects.name).at(-1)?.id ?? null;
        if (newest !== op.expects.is) this.#problem(`op ${op.number} found another newest frame`);
      }
    }
    if (effect.kind === "frame" && effect.topic === "out") {
      const { n } = (JSON.parse(effect.line) as { meta: { n: number } }).meta;
      if (n !== ++this.#outputs)
        this.#problem(`output ${n} of the handler is number ${this.#outputs}`);
      this.#outputs = n;
    }
    if (effect.kind === "entry") {
      const op = this.#ops.get(effect.value ? (opInValue(effect.value) ?? -1) : -1);
      if (op) {
        if (this.recorded.has(op.number) && op.frames === 0)
          this.#problem(`op ${op.number} is there twice`);
        if (op.frames === 0) this.recorded.set(op.number, position);
        const entry = store.kv.get(effect.key);
        const rev = entry?.value ? entry.rev : null;
        if (op.expects?.of === "key" && op.expects.is !== rev)
          this.#problem(`op ${op.number} found another revision`);
      }
    }
    if (effect.kind === "remove" && effect.tombstone === undefined)
      this.#checkTaken(effect.id, effects, now);
  }

  /** What goes by itself has expired, or a `last:` ttl or a rule no longer keeps it. */
  #checkTaken(id: string, effects: readonly Effect[], now: number): void {
    const frame = this.#store.frames.get(id);
    if (!frame) return;
    if (frame.expires !== null && frame.expires <= now) return;
    const all = this.#store.of(frame.topic);
    // The removals of one trim go one after the other, so those before it count as well.
    const gone = effects.filter((each) => each.kind === "remove").length;
    const place = all.findIndex((each) => each.id === id);
    const isPast = all.some(
      ({ last }, at) => last !== undefined && at - place + gone >= last && at >= place,
    );
    if (!isPast) this.#problem(`the frame ${id} went for no reason`);
  }

  #checkRefusal({ number, expects, from, to }: Op, code: string): void {
    if (code !== "precondition_failed" && code !== "expect_last_failed") return;
    if (!expects) return;
    const isTrue = this.#between(from, to).some(({ newest, revs }) => {
      const found = (expects.of === "topic" ? newest : revs).get(expects.name) ?? null;
      return found !== expects.is;
    });
    if (!isTrue) this.#problem(`op ${number} was refused (${code}) for what was not so`);
  }

  #checkRemoval({ number, id = "", from, to }: Op, value: unknown): void {
    const came = this.#came.get(id);
    const gone = this.#removed.get(id);
    if (value === true && gone === undefined)
      this.#problem(`op ${number} removed a frame that is there`);
    const wasThere = came !== undefined && came <= from && (gone === undefined || gone > to);
    if (value === false && wasThere)
      this.#problem(`op ${number} did not find a frame that is there`);
  }

  #between(from: number, to: number) {
    const after = this.#states.findIndex(({ position }) => position > from);
    const first = Math.max(0, (after < 0 ? this.#states.length : after) - 1);
    return this.#states.slice(first).filter(({ position }) => position <= to || position <= from);
  }

  #note(position: number): void {
    const newest = new Map<string, string>();
    for (const { topic, id } of this.#store.frames.values()) {
      if (id > (newest.get(topic) ?? "")) newest.set(topic, id);
    }
    const revs = new Map<string, string>();
    for (const [key, { rev, value }] of this.#store.kv) if (value !== null) revs.set(key, rev);
    this.#states.push({ position, newest, revs });
  }

  #problem(what: string): void {
    this.problems.push(what);
  }
}

/** The number of the op in the meta of a frame; the end of content that nobody feeds any more has that of its first. */
export function opIn(line: string): number | undefined {
  const { meta } = JSON.parse(line) as {
    meta: { op?: number; chunk?: { aborted?: boolean } } | null;
  };
  return meta?.chunk?.aborted ? undefined : meta?.op;
}

function opInValue(value: Uint8Array): number | undefined {
  try {
    return (JSON.parse(Buffer.from(value).toString()) as { op?: number }).op;
  } catch {
    return undefined;
  }
}
