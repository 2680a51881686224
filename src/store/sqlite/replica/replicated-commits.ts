import type { Database } from "bun:sqlite";
import { XsError } from "../../../core/error.ts";
import { Signal } from "../../../lib/signal.ts";
import { Fenced, type Journal } from "../../journal/journal.ts";
import { decodeRecord, encodeRecord, hashOfRecord } from "../../journal/record-codec.ts";
import {
  answer,
  type Commits,
  countCommit,
  noCommits,
  type Outcome,
  type Write,
} from "../commit/commits.ts";
import type { Effect } from "../commit/record.ts";
import type { Transaction } from "../commit/transaction.ts";
import { effectSize } from "./effect-size.ts";
import type { Leader, ReplicaState } from "./replica-state.ts";

/** A record that the journal has not taken after this time stalls: writes are refused until it has, in ms. */
const STALL_MS = 5000;
/** The wait before a record is applied again, on a full disk, in ms. */
const RETRY_MS = 1000;

/** What replicated commits stand on. */
export interface ReplicaUses {
  readonly db: Database;
  readonly journal: Journal;
  /** The cluster key. */
  readonly key: Uint8Array;
  readonly state: ReplicaState;
  /** This run of this node. */
  readonly self: Omit<Leader, "epoch">;
  readonly hooks: ReplicaHooks;
}

/** The functions that replicated commits call. */
export interface ReplicaHooks {
  /** The reason why the store takes no writes any more; undefined while it does. */
  failed(): Error | undefined;
  /** Called when the effects of some writes are to be decided, inside a transaction that is rolled back. */
  begins(): Transaction;
  /** Called last inside that transaction. */
  decided(transaction: Transaction): void;
  /** Called when that transaction is rolled back. */
  undone(transaction: Transaction): void;
  /** The newest id that was given. */
  newest(): string;
  /** Puts effects into the tables, inside a transaction. */
  apply(effects: readonly Effect[]): void;
  /** Called when that is committed. @param newest the newest id that the store has given by then */
  applied(effects: readonly Effect[], newest: string): void;
  /** Called when that was rolled back, with the reason. Returns the store's own error. */
  applyFailed(error: Error): Error;
  /** Called before a record with ephemeral frames is appended, or without one where there is nothing else. */
  tell(transaction: Transaction, record: Uint8Array | undefined): void;
  /** Stops the store. */
  stop(error: Error): void;
}

/** A record that comes from the journal. */
interface Incoming {
  readonly position: number;
  readonly bytes: Uint8Array;
  readonly done: PromiseWithResolvers<void>;
}

/** What some writes come to. */
interface Decided {
  readonly transaction: Transaction;
  readonly outcomes: readonly (readonly [Write, Outcome])[];
}

/**
 * Commits of a store on several machines. The node that leads decides the effects of writes in a transaction that it
 * rolls back, puts their record into the journal, and applies it when it is there: by the same path as the records of
 * other nodes, one after the other. So the tables have nothing that a majority does not have. One record is under way
 * at a time; writes that come meanwhile share the next.
 */
export class ReplicatedCommits implements Commits {
  readonly counts = noCommits();
  /** Wakes whenever a record is applied. */
  readonly moved = new Signal();
  /** Why records are not applied at the moment, or the journal takes none; undefined while all is well. */
  problem: XsError | undefined;
  readonly #uses: ReplicaUses;
  readonly #begin: ReturnType<Database["query"]>;
  readonly #beginWrite: ReturnType<Database["query"]>;
  readonly #commit: ReturnType<Database["query"]>;
  readonly #rollback: ReturnType<Database["query"]>;
  #writes: Write[] = [];
  #locals: Write[] = [];
  #incoming: Incoming | undefined;
  /** The record that this node has given to the journal, and what wakes when one comes to its place. */
  #inFlight: { readonly bytes: Uint8Array; readonly came: PromiseWithResolvers<void> } | undefined;
  /** The writers of the record under way were told that its outcome is unknown. */
  #hasStalled = false;
  #isRunning = false;
  #closed = false;

  constructor(uses: ReplicaUses) {
    this.#uses = uses;
    const { db } = uses;
    this.#begin = db.query("BEGIN");
    this.#beginWrite = db.query("BEGIN IMMEDIATE");
    this.#commit = db.query("COMMIT");
    this.#rollback = db.query("ROLLBACK");
  }

  /** The epoch in which this process leads; undefined while it does not. */
  get epoch(): number | undefined {
    const { state, self } = this.#uses;
    const { leader } = state;
    return leader?.node === self.node && leader.run === self.run ? leader.epoch : undefined;
  }

  write<T>(run: (transaction: Transaction) => T): Promise<T> {
    if (this.epoch === undefined) return Promise.reject(this.#notLeader());
    if (this.problem) return Promise.reject(this.problem);
    return this.#queue(this.#writes, run);
  }

  local<T>(run: (transaction: Transaction) => T): Promise<T> {
    return this.#queue(this.#locals, run);
  }

  /**
   * Takes a record of the journal. Resolves when it is applied.
   *
   * @throws XsError `journal_damaged` where it is not the one that follows
   */
  take(position: number, bytes: Uint8Array): Promise<void> {
    if (position <= this.#uses.state.applied) return Promise.resolve();
    const done = Promise.withResolvers<void>();
    this.#incoming = { position, bytes, done };
    this.#inFlight?.came.resolve();
    this.#wake();
    return done.promise;
  }

  /** Tries to lead from the next record on, which only a node can that has all before it. Resolves to whether it does. */
  async stand(): Promise<boolean> {
    const { state, self } = this.#uses;
    const epoch = (state.leader?.epoch ?? 0) + 1;
    const effects: Effect[] = [{ kind: "lead", epoch, ...self }];
    if (!state.nodes.includes(self.node)) effects.push({ kind: "node", node: self.node });
    try {
      await this.#queue(this.#writes, (transaction) => {
        if ((state.leader?.epoch ?? 0) + 1 !== epoch) throw this.#notLeader();
        for (const effect of effects) transaction.add(effect);
      });
      return this.epoch === epoch;
    } catch (error) {
      if (error instanceof XsError) return false;
      throw error;
    }
  }

  close(): void {
    this.#closed = true;
    this.#inFlight?.came.resolve();
    this.#wake();
  }

  #queue<T>(queue: Write[], run: (transaction: Transaction) => T): Promise<T> {
    const failed = this.#uses.hooks.failed();
    if (failed) return Promise.reject(failed);
    return new Promise((resolve, reject) => {
      queue.push({ run, resolve: resolve as (value: unknown) => void, reject });
      this.#wake();
    });
  }

  #wake(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    queueMicrotask(() => {
      this.#run().catch((error: Error) => {
        this.#uses.hooks.stop(error);
        this.#refuse(error);
      });
    });
  }

  async #run(): Promise<void> {
    for (;;) {
      this.#runLocals();
      const incoming = this.#incoming;
      if (this.#closed) {
        incoming?.done.resolve();
        const closed = new XsError("store_closed", "the store is closed");
        this.#refuse(closed);
        break;
      }
      if (incoming) {
        this.#incoming = undefined;
        await this.#applyIncoming(incoming);
      } else if (this.#writes.length > 0) await this.#commitSome();
      else break;
    }
    // In the same step as the last look: what comes after it begins anew.
    this.#isRunning = false;
  }

  /** Nothing is under way here: what a write has decided does not rest on what goes now. */
  #runLocals(): void {
    const { hooks } = this.#uses;
    for (const write of this.#locals.splice(0)) {
      try {
        this.#beginWrite.run();
        const transaction = hooks.begins();
        const value = write.run(transaction);
        hooks.apply(transaction.record.effects);
        this.#commit.run();
        write.resolve(value);
      } catch (error) {
        this.#rollBack();
        write.reject(hooks.applyFailed(error as Error));
      }
    }
  }

  async #applyIncoming({ position, bytes, done }: Incoming): Promise<void> {
    const { state, key } = this.#uses;
    try {
      if (position > state.applied) {
        const { prev, effects, newest } = decodeRecord(bytes, key);
        if (!Buffer.from(prev).equals(state.chain)) {
          throw new XsError(
            "journal_damaged",
            `the record at ${position} does not follow the one at ${state.applied}: a record was left out, altered or replaced; nothing of it was applied`,
          );
        }
        await this.#apply(position, bytes, effects, newest);
      }
      done.resolve();
    } catch (error) {
      done.reject(error as Error);
    }
  }

  /** Commits the writes that wait, or as many as a record holds. */
  async #commitSome(): Promise<void> {
    const { state, key, hooks } = this.#uses;
    const { transaction, outcomes } = this.#decide();
    const effects = transaction.record.effects;
    const durable = effects.filter((effect) => effect.kind !== "frame" || !effect.isEphemeral);
    const isRefused = outcomes.some(([, outcome]) => "refusal" in outcome);
    // A refusal says what others have written. That this node still leads shows that it is not out of date.
    if (durable.length === 0 && !isRefused) {
      if (effects.length > 0) {
        hooks.tell(transaction, undefined);
        hooks.applied(effects, hooks.newest());
      }
      for (const [write, outcome] of outcomes) answer(write, outcome);
      return;
    }
    const newest = hooks.newest();
    const bytes = encodeRecord(
      {
        prev: state.chain,
        nonce: crypto.getRandomValues(new Uint8Array(16)),
        epoch: state.leader?.epoch ?? 0,
        newest,
        effects: durable,
      },
      key,
    );
    if (effects.length > durable.length) hooks.tell(transaction, bytes);
    const position = await this.#put(bytes, outcomes);
    if (position === undefined) {
      // Nothing of it is there: it is decided again, after what came instead, unless its writers have gone.
      if (!this.#hasStalled) this.#writes.unshift(...outcomes.map(([write]) => write));
      if (this.epoch === undefined) this.#refuse(this.#notLeader());
      return;
    }
    await this.#apply(position, bytes, effects, newest);
    countCommit(this.counts, outcomes.length);
    for (const [write, outcome] of outcomes) answer(write, outcome);
  }

  #decide(): Decided {
    const { db, hooks, journal } = this.#uses;
    const outcomes: [Write, Outcome][] = [];
    const transaction = hooks.begins();
    const { effects } = transaction.record;
    let size = 0;
    let measured = 0;
    this.#begin.run();
    const taken: Write[] = [];
    try {
      while (this.#writes.length > 0 && size < journal.maxRecord / 2) {
        const write = this.#writes.shift() as Write;
        taken.push(write);
        try {
          outcomes.push([write, { value: write.run(transaction) }]);
        } catch (error) {
          if (!(error instanceof XsError)) throw error;
          outcomes.push([write, { refusal: error }]);
        }
        for (; measured < effects.length; measured++) {
          size += effectSize(effects[measured] as Effect);
        }
      }
      hooks.decided(transaction);
      return { transaction, outcomes };
    } catch (error) {
      const failure = hooks.applyFailed(error as Error);
      for (const write of taken) write.reject(failure);
      return { transaction: hooks.begins(), outcomes: [] };
    } finally {
      if (db.inTransaction) this.#rollback.run();
      hooks.undone(transaction);
    }
  }

  /**
   * Puts a record into the journal, and again, the same bytes, until it is known whether it is there. Resolves to its
   * position; undefined where another is in its place.
   */
  async #put(
    bytes: Uint8Array,
    outcomes: readonly (readonly [Write, Outcome])[],
  ): Promise<number | undefined> {
    const { journal, state } = this.#uses;
    const came = Promise.withResolvers<void>();
    this.#inFlight = { bytes, came };
    this.#hasStalled = false;
    const stalled = setTimeout(() => this.#stall(outcomes), STALL_MS);
    try {
      while (!this.#closed) {
        if (this.#incoming) {
          const { position, bytes: there } = this.#incoming;
          return Buffer.from(there).equals(bytes) ? position : undefined;
        }
        try {
          const put = journal.append(state.applied, bytes);
          const position = await Promise.race([put, came.promise]);
          if (position !== undefined) return position;
          put.catch(() => {});
        } catch (error) {
          // The other record is on its way to here.
          if (error instanceof Fenced) await came.promise;
          else if (!(error instanceof XsError)) throw error;
        }
      }
      return undefined;
    } finally {
      clearTimeout(stalled);
      if (this.problem?.code === "journal_unreachable") this.problem = undefined;
      this.#inFlight = undefined;
    }
  }

  /** Refuses what waits: the journal does not answer. */
  #stall(outcomes: readonly (readonly [Write, Outcome])[]): void {
    const seconds = STALL_MS / 1000;
    this.#hasStalled = true;
    this.problem = new XsError(
      "journal_unreachable",
      `the journal does not answer: nothing is written until it does (reads go on); see  xs nodes check`,
    );
    const unknown = new XsError(
      "journal_unreachable",
      `the journal has not answered for ${seconds} s: whether this was written is not known yet; read before you write it again, or send it with an Idempotency-Key`,
    );
    for (const [write] of outcomes) write.reject(unknown);
    this.#refuse(this.problem);
  }

  #refuse(reason: Error): void {
    for (const write of this.#writes.splice(0)) write.reject(reason);
  }

  /** Applies a record that is in the journal. It waits where the disk is full: no record is left out. */
  async #apply(
    position: number,
    bytes: Uint8Array,
    effects: readonly Effect[],
    newest: string,
  ): Promise<void> {
    const { state, hooks } = this.#uses;
    for (;;) {
      try {
        this.#beginWrite.run();
        hooks.apply(effects);
        state.write(position, hashOfRecord(bytes), newest);
        this.#commit.run();
        break;
      } catch (error) {
        this.#rollBack();
        state.rolledBack();
        const failure = hooks.applyFailed(error as Error);
        if (!(failure instanceof XsError) || failure.code !== "disk_full") throw failure;
        this.problem = failure;
        await Bun.sleep(RETRY_MS);
        if (this.#closed) return;
      }
    }
    if (this.problem?.code === "disk_full") this.problem = undefined;
    state.committed();
    hooks.applied(effects, newest);
    this.moved.wake();
  }

  #rollBack(): void {
    if (this.#uses.db.inTransaction) this.#rollback.run();
  }

  #notLeader(): XsError {
    const { leader } = this.#uses.state;
    return new XsError(
      "not_leader",
      leader
        ? `the node ${leader.node} leads: it alone writes`
        : "no node leads yet: nothing can be written",
    );
  }
}
