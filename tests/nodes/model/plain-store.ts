import { timestampOf } from "../../../src/core/id.ts";
import type { Effect, FrameEffect } from "../../../src/store/sqlite/commit/record.ts";

/** One frame of a plain store. */
interface PlainFrame extends Pick<FrameEffect, "id" | "topic" | "ms" | "line" | "expires"> {
  readonly last: number | undefined;
  readonly position: string | undefined;
}

interface PlainEntry {
  readonly rev: string;
  readonly type: string;
  readonly writer: string | null;
  /** In hexadecimal digits; null for a deleted entry. */
  readonly value: string | null;
}

/** What a store knows, as plain maps: what it means to apply records, said as simply as can be. */
export class PlainStore {
  /** By id. */
  readonly frames = new Map<string, PlainFrame>();
  readonly kv = new Map<string, PlainEntry>();
  readonly #tombstones = new Map<string, number>();
  readonly #answers = new Map<string, { expires: number; request: string; frames: string }>();
  readonly growing = new Set<string>();
  readonly #blobs = new Map<string, { size: number; name: string }>();
  #nodes: string[] = [];
  leader: { epoch: number; node: string; run: string } | undefined;

  apply(effect: Effect): void {
    switch (effect.kind) {
      case "frame": {
        const { id, topic, ms, line, expires, last, position } = effect;
        this.frames.set(id, { id, topic, ms, line, expires, last, position });
        return;
      }
      case "remove": {
        const isThere = this.frames.delete(effect.id);
        if (isThere && effect.tombstone !== undefined) this.#bury(effect.id, effect.tombstone);
        return;
      }
      case "tombstone":
        if (effect.ms === null) this.#tombstones.delete(effect.id);
        else this.#bury(effect.id, effect.ms);
        return;
      case "entry": {
        const { key, rev, type, writer, value } = effect;
        if (effect.isForgotten) this.kv.delete(key);
        else this.kv.set(key, { rev, type, writer, value: value && hex(value) });
        return;
      }
      case "answer": {
        const { key, expires, request, frames } = effect;
        this.#answers.set(key, { expires, request, frames: frames.join("\n") });
        return;
      }
      case "growing":
        if (effect.ended) this.growing.delete(effect.id);
        else this.growing.add(effect.id);
        return;
      case "sweep":
        this.#sweep(effect);
        return;
      case "blob":
        if (!this.#blobs.has(effect.hash)) this.#blobs.set(effect.hash, effect);
        return;
      case "freed":
        for (const hash of effect.hashes) this.#blobs.delete(hash);
        return;
      case "lead":
        this.leader = { epoch: effect.epoch, node: effect.node, run: effect.run };
        return;
      case "node":
        this.#nodes = this.#nodes.filter((node) => node !== effect.node);
        if (!effect.isGone) this.#nodes = [...this.#nodes, effect.node].sort();
        return;
    }
  }

  /** The frames of a topic in the order of ids. */
  of(topic: string): PlainFrame[] {
    return [...this.frames.values()]
      .filter((frame) => frame.topic === topic)
      .sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  /** All of it as lines, as {@link Projection} has them. */
  dump(): string[] {
    const { leader } = this;
    return sorted([
      ...[...this.frames.values()].map(({ id, topic, ms, line, expires, position }) =>
        row("frame", id, topic, ms, expires, line, position ?? null),
      ),
      ...[...this.#tombstones].map(([id, ms]) => row("tombstone", id, ms)),
      ...[...this.kv].map(([key, { rev, type, writer, value }]) =>
        row("entry", key, rev, type, writer, value),
      ),
      ...[...this.#answers].map(([key, { expires, request, frames }]) =>
        row("answer", key, expires, request, frames),
      ),
      ...[...this.growing].map((id) => row("growing", id)),
      ...[...this.#blobs].map(([hash, { size, name }]) => row("blob", hash, size, name)),
      row("leader", leader ?? null),
      row("nodes", this.#nodes),
    ]);
  }

  #bury(id: string, ms: number): void {
    if (!this.#tombstones.has(id)) this.#tombstones.set(id, ms);
  }

  #sweep(effect: Extract<Effect, { kind: "sweep" }>): void {
    const { answers, shortenAnswers, tombstones } = effect;
    if (answers !== undefined) {
      for (const [key, { expires }] of this.#answers) {
        if (expires <= answers) this.#answers.delete(key);
      }
    }
    if (shortenAnswers !== undefined) {
      for (const [key, answer] of this.#answers) {
        const expires = Math.min(answer.expires, shortenAnswers);
        this.#answers.set(key, { ...answer, expires });
      }
    }
    if (tombstones === undefined) return;
    for (const [id, ms] of this.#tombstones) if (ms <= tombstones) this.#tombstones.delete(id);
    for (const [key, { rev, value }] of this.kv) {
      if (value === null && timestampOf(rev) <= tombstones) this.kv.delete(key);
    }
  }
}

/** One line of a dump. */
export function row(...values: unknown[]): string {
  return JSON.stringify(values);
}

export function sorted(lines: string[]): string[] {
  return lines.sort();
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
