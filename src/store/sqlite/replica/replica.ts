import type { Database } from "bun:sqlite";
import type { Blobs, Journal } from "../../journal/journal.ts";
import { hashOfRecord } from "../../journal/record-codec.ts";
import type { LiveFrame } from "../../live.ts";
import type { TableApplier } from "../commit/apply.ts";
import type { Commits } from "../commit/commits.ts";
import { type Effect, framesOf } from "../commit/record.ts";
import { Transaction } from "../commit/transaction.ts";
import type { ContentStore } from "../content/content.ts";
import type { Health } from "../health.ts";
import type { InPlace } from "../in-place.ts";
import type { KvStore } from "../kv/kv.ts";
import type { Tally } from "../metrics.ts";
import type { Parts } from "../parts.ts";
import { type BlobRow, BlobRows } from "./blob-rows.ts";
import { DigestRun } from "./digest.ts";
import { Ephemerals, type Told } from "./ephemerals.ts";
import { firstIdOfLead } from "./lead-ids.ts";
import { ReplicaState } from "./replica-state.ts";
import { ReplicatedCommits } from "./replicated-commits.ts";

/** What a directory needs to be one of several of a store. */
export interface ReplicaOptions {
  /** The name of the journal. */
  readonly name: string;
  readonly journal: Journal;
  readonly blobs: Blobs;
  /** The cluster key: 32 bytes. */
  readonly key: Uint8Array;
  /** The name of this node, and of this run of it. */
  readonly self: { readonly node: string; readonly run: string };
  /** Sends ephemeral frames to the other nodes. */
  tell(told: Told): void;
  /** After so many ms a record that the journal has not taken stalls. */
  readonly stallMs?: number;
}

/** What the commits of a replica use. */
interface Opening {
  readonly db: Database;
  readonly parts: Parts;
  readonly place: InPlace;
  readonly health: Health;
  readonly tally: Tally;
  readonly applier: TableApplier;
  readonly kv: KvStore;
  readonly contents: ContentStore;
}

/** The part of a store that makes its directory one of several: what it has of the journal, and who leads. */
export class Replica {
  readonly options: ReplicaOptions;
  readonly state: ReplicaState;
  readonly blobs: BlobRows;
  readonly #ephemerals = new Ephemerals();
  readonly #database: string;
  /** Waiting for the next record that names a node. */
  readonly #marks: (() => void)[] = [];
  #commits: ReplicatedCommits | undefined;
  /** Receives the large contents that a record has added, and the names of blobs that nothing needs because of it. */
  blobsChanged: (added: readonly BlobRow[], freed: readonly string[]) => void = () => {};
  #publish: (frames: readonly LiveFrame[]) => void = () => {};
  #newest: () => string = () => "";
  #put: (hash: string, bytes: Uint8Array) => void = () => {};

  constructor(db: Database, options: ReplicaOptions) {
    this.options = options;
    this.#database = db.filename;
    this.state = new ReplicaState(db, options.name);
    this.blobs = new BlobRows(db);
  }

  /** The newest id that this process knows of. */
  get newest(): string {
    return this.#newest();
  }

  /** The epoch in which this process leads; undefined while it does not. */
  get epoch(): number | undefined {
    return this.#commits?.epoch;
  }

  /** The commits of this directory, once the store is open. */
  get commits(): ReplicatedCommits {
    if (!this.#commits) throw new Error("the store is not open");
    return this.#commits;
  }

  /** Calls a function once, right after the next record that names a node, before any other is applied. */
  atNextMark(reached: () => void): void {
    this.#marks.push(reached);
  }

  /** Begins to read what this directory has now. */
  digest(): DigestRun {
    return new DigestRun(this.#database);
  }

  /** Takes ephemeral frames that another node tells of. */
  hear(told: Told): void {
    for (const { hash, bytes } of told.contents) this.#put(hash, bytes);
    const frames = this.#ephemerals.hear(told, this.state.chain.toHex());
    if (frames.length > 0) this.#publish(frames);
  }

  /** Begins to take writes and records. */
  open({ db, parts, health, tally, place, applier, kv, contents }: Opening): Commits {
    const { clock, horizon, ids, retention, live, contentTables } = parts;
    const { journal, key, self, tell, stallMs } = this.options;
    const { state } = this;
    if (state.newest !== "") ids.advancePast(state.newest);
    horizon.applied(ids.newest);
    this.#newest = () => ids.newest;
    this.#put = (hash, bytes) => contentTables.ephemeral.put(hash, bytes);
    this.#publish = (frames) => {
      for (const { id } of frames) ids.advancePast(id);
      // Not the newest id that this node has given: what it could not write may be far ahead of those to come.
      horizon.applied(frames.at(-1)?.id ?? "");
      live.publish(frames);
    };
    const commits = new ReplicatedCommits({
      db,
      journal,
      key,
      state,
      self,
      stallMs,
      hooks: {
        failed: () => health.failed ?? place.problemAtHand(),
        begins: () => {
          clock.begins();
          ids.skip();
          return new Transaction(applier);
        },
        decided: (transaction) => {
          retention.trim(transaction);
          tally.committed(transaction.appended);
        },
        undone: (transaction) => {
          clock.rolledBack();
          retention.rolledBack();
          this.blobs.rolledBack();
          state.rolledBack();
          if (transaction.isSettled) applier.rolledBack();
        },
        newest: () => ids.newest,
        beginsToLead: () => ids.advancePast(firstIdOfLead(state.newest)),
        apply: (effects) => applier.apply(effects, 0),
        applied: (effects, newest) => {
          if (newest !== "") ids.advancePast(newest);
          if (effects.some(setsClockBack)) clock.goBack();
          horizon.applied(newest);
          contents.committed();
          const chain = state.chain.toHex();
          const frames = this.#ephemerals.among(framesOf(effects), chain);
          if (frames.length > 0) live.publish(frames);
          kv.publish(kv.changesIn(effects));
          if (this.#marks.length > 0 && effects.some(({ kind }) => kind === "node")) {
            for (const mark of this.#marks.splice(0)) mark();
          }
          const { added, freed } = this.blobs.takeChanges();
          if (added.length + freed.length > 0) this.blobsChanged(added, freed);
        },
        applyFailed: (error) => {
          const failure = health.translate(error);
          this.blobs.rolledBack();
          if (!health.failed) applier.rolledBack();
          return failure;
        },
        tell: (transaction, record) => {
          const frames = framesOf(transaction.record.effects).filter((frame) => frame.isEphemeral);
          const { ephemeral: contents } = transaction;
          const hash = record ? hashOfRecord(record).toHex() : state.chain.toHex();
          tell({ run: self.run, hash, isAfter: record === undefined, frames, contents });
        },
        stop: (error) => void health.stop(error),
      },
    });
    this.#commits = commits;
    void health.failure.then(() => commits.failed());
    return commits;
  }
}

/**
 * Whether the node that leads found its clock set back: what had expired by the later time is removed, and what comes
 * expires by the clock as it is.
 */
function setsClockBack(effect: Effect): boolean {
  return effect.kind === "sweep" && effect.shortenAnswers !== undefined;
}
