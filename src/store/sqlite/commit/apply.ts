import { hashesIn } from "../../../core/hash.ts";
import type { ContentTables } from "../content/tables.ts";
import type { Facts } from "../facts.ts";
import type { KvStore } from "../kv/kv.ts";
import type { FrameTables } from "../log/frame-tables.ts";
import type { Growing } from "../log/growing.ts";
import type { Idempotency } from "../log/idempotency.ts";
import type { Tombstones } from "../log/tombstones.ts";
import type { BlobRows } from "../replica/blob-rows.ts";
import type { ReplicaState } from "../replica/replica-state.ts";
import type { Effect, RemovalEffect } from "./record.ts";
import type { Applier } from "./transaction.ts";

/** What a record changes. */
export interface Tables {
  readonly frames: FrameTables;
  readonly tombstones: Tombstones;
  readonly growing: Growing;
  readonly answers: Idempotency;
  readonly kv: KvStore;
  readonly content: ContentTables;
  readonly facts: Facts;
  /** Of a store on several machines. */
  readonly replica?: ReplicaTables | undefined;
}

/** What a record changes of a store on several machines alone. */
export interface ReplicaTables {
  readonly state: ReplicaState;
  readonly blobs: BlobRows;
}

/** Puts the effects of a record into the tables. It decides nothing: it needs no clock, and makes no ids. */
export class TableApplier implements Applier {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  apply(effects: readonly Effect[], from: number): void {
    for (let at = from; at < effects.length; at++) this.#applyOne(effects[at] as Effect);
    this.#tables.frames.flush();
  }

  /** Takes up what the tables have, after a commit that failed. */
  rolledBack(): void {
    this.#tables.frames.reload();
    this.#tables.kv.rolledBack();
    this.#tables.content.reload();
  }

  #applyOne(effect: Effect): void {
    const { frames, kv, content, answers, growing, tombstones, facts, replica } = this.#tables;
    switch (effect.kind) {
      case "frame":
        if (effect.isEphemeral) return;
        frames.insert(effect);
        content.noteReferences(effect.line);
        return;
      case "content":
        content.staged.add(effect.hash, effect.bytes);
        return;
      case "entry":
        kv.applyEntry(effect);
        if (effect.value) content.noteReferences(effect.value);
        return;
      case "remove":
        this.#remove(effect);
        return;
      case "tombstone":
        tombstones.set(effect.id, effect.ms);
        return;
      case "candidates":
        if (effect.kept) content.keep(effect.hashes);
        else content.candidates.add(effect.hashes);
        return;
      case "answer":
        answers.put(effect);
        return;
      case "growing":
        growing.set(effect.id, effect.ended ?? false);
        return;
      case "sweep":
        answers.sweep(effect);
        if (effect.tombstones !== undefined) {
          tombstones.sweep(effect.tombstones);
          kv.forgetDeleted(effect.tombstones);
        }
        return;
      case "newest":
        facts.setNewest(effect.id);
        return;
      case "filling":
        facts.setFilling(effect);
        return;
      case "freed":
        for (const hash of effect.hashes) this.#free(hash);
        return;
      case "blob":
        replica?.blobs.add(effect.hash, effect.size, effect.name);
        return;
      case "lead":
        replica?.state.setLeader(effect);
        return;
      case "node":
        replica?.state.setNode(effect);
    }
  }

  #free(hash: string): void {
    const { content, replica } = this.#tables;
    content.free(hash);
    replica?.blobs.remove(hash);
  }

  #remove(effect: RemovalEffect): void {
    const { frames, tombstones, content } = this.#tables;
    // Its rows may wait in the same record.
    frames.flush();
    const row = frames.remove(effect);
    if (!row) return;
    if (effect.tombstone !== undefined) tombstones.set(effect.id, effect.tombstone);
    content.release(hashesIn(row.line));
  }
}
