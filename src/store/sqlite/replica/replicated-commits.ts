import type { Database } from "bun:sqlite";
import { XsError } from "../../../core/error.ts";
import { firstIdAt } from "../../../core/id.ts";
import { Signal } from "../../../lib/signal.ts";
import type { Journal } from "../../journal/journal.ts";
import {
  decodeRecord,
  encodeRecord,
  hashOfRecord,
  type JournalRecord,
} from "../../journal/record-codec.ts";
import { answer, type Commits, countCommit, noCommits, type Write } from "../commit/commits.ts";
import { type Effect, type FrameEffect, framesOf } from "../commit/record.ts";
import type { Transaction } from "../commit/transaction.ts";
import { AppendTally } from "./append-times.ts";
import { Decider, type DecisionHooks } from "./decider.ts";
import { needsRecord } from "./lead-ids.ts";
import { RecordPut } from "./record-put.ts";
import { type Leader, notLeader, type ReplicaState } from "./replica-state.ts";

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
  /** See {@link STALL_MS}. */
  readonly stallMs?: number | undefined;
  readonly hooks: ReplicaHooks;
}

/** The functions that replicated commits call. */
export interface ReplicaHooks extends DecisionHooks {
  /** The reason why the store takes no writes any more; undefined while it does. */
  failed(): Error | undefined;
  /** The newest id that was given. */
  newest(): string;
  /** Called in the write with which this node begins to lead. */
  beginsToLead(): void;
  /** Puts effects into the tables, inside a transaction. */
  apply(effects: readonly Effect[]): void;
  /** Called when that is committed. @param newest the newest id that the store has given by then */
  applied(effects: readonly Effect[], newest: string): void;
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

/** A write that waits; `isStand` if it makes this node the one that leads, and so runs while it does not. */
interface Waiting extends Write {
  readonly isStand?: boolean;
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
  /** How long the journal took for the records of this node. */
  readonly appends = new AppendTally();
  /** How often the journal did not take a record in time, and how many records were applied. */
  stalls = 0;
  applied = 0;
  readonly #uses: ReplicaUses;
  readonly #decider: Decider;
  readonly #begin: ReturnType<Database["query"]>;
  readonly #commit: ReturnType<Database["query"]>;
  readonly #rollback: ReturnType<Database["query"]>;
  #writes: Waiting[] = [];
  #locals: Write[] = [];
  #alone: { readonly run: () => Promise<void>; readonly reject: (error: Error) => void }[] = [];
  #incoming: Incoming | undefined;
  /** The record that this node has given to the journal. */
  #inFlight: RecordPut | undefined;
  #isRunning = false;
  /** It waits for the journal or the disk, with no transaction open. */
  #isWaiting = false;
  readonly #ended = Promise.withResolvers<void>();
  #closed = false;

  constructor(uses: ReplicaUses) {
    this.#uses = uses;
    const { db, hooks } = uses;
    this.#decider = new Decider(db, hooks);
    this.#begin = db.query("BEGIN IMMEDIATE");
    this.#commit = db.query("COMMIT");
    this.#rollback = db.query("ROLLBACK");
  }

  /** The epoch in which this process leads; undefined while it does not. */
  get epoch(): number | undefined {
    const { state, self } = this.#uses;
    const { leader } = state;
    return leader?.node === self.node && leader.run === self.run ? leader.epoch : undefined;
  }

  write<T>(run: (transaction: Transaction) => T, isPatient = false): Promise<T> {
    if (this.epoch === undefined) return Promise.reject(this.#notLeader());
    const { problem } = this;
    const waits = isPatient && problem?.code === "journal_unreachable";
    if (problem && !waits) return Promise.reject(problem);
    return this.#queue(this.#writes, { run, isPatient });
  }

  local<T>(run: (transaction: Transaction) => T): Promise<T> {
    const done = this.#queue(this.#locals, { run });
    // What a write has decided does not rest on what these change: staged content, free pages, indexes.
    if (this.#isWaiting) queueMicrotask(() => this.#isWaiting && this.#runLocals());
    return done;
  }

  /** Runs something while nothing is decided or applied here. */
  alone(run: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#alone.push({ run: () => run().then(resolve, reject), reject });
      this.#wake();
    });
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
    this.#inFlight?.came(position, bytes);
    this.#wake();
    return done.promise;
  }

  /** Tries to lead from the next record on, which only a node can that has all before it. Resolves to whether it does. */
  async stand(): Promise<boolean> {
    const { state, self, hooks } = this.#uses;
    const epoch = (state.leader?.epoch ?? 0) + 1;
    const run = (transaction: Transaction) => {
      if ((state.leader?.epoch ?? 0) + 1 !== epoch) throw this.#notLeader();
      hooks.beginsToLead();
      transaction.add({ kind: "lead", epoch, ...self });
      if (!state.nodes.includes(self.node)) transaction.add({ kind: "node", node: self.node });
    };
    try {
      await this.#queue(this.#writes, { run, isStand: true });
      return this.epoch === epoch;
    } catch (error) {
      if (error instanceof XsError) return false;
      throw error;
    }
  }

  /** Looks again at whether the store has failed. */
  failed(): void {
    this.#end();
  }

  close(): void {
    this.#closed = true;
    this.#end();
  }

  #end(): void {
    this.#ended.resolve();
    this.#inFlight?.end();
    this.#wake();
  }

  #queue<T>(
    queue: Waiting[],
    write: Pick<Waiting, "isStand" | "isPatient"> & { run(transaction: Transaction): T },
  ): Promise<T> {
    const failed = this.#failure();
    if (failed) return Promise.reject(failed);
    return new Promise((resolve, reject) => {
      queue.push({ ...write, resolve: resolve as (value: unknown) => void, reject });
      this.#wake();
    });
  }

  #failure(): Error | undefined {
    if (this.#closed) return new XsError("store_closed", "the store is closed");
    return this.#uses.hooks.failed();
  }

  #wake(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    queueMicrotask(() => {
      this.#run().catch((error: Error) => {
        this.#uses.hooks.stop(error);
        this.#isRunning = false;
        this.#wake();
      });
    });
  }

  async #run(): Promise<void> {
    for (;;) {
      const failure = this.#failure();
      if (failure) {
        this.#refuseAll(failure);
        break;
      }
      this.#runLocals();
      const alone = this.#alone.shift();
      const incoming = this.#incoming;
      if (alone) await alone.run();
      else if (incoming) {
        this.#incoming = undefined;
        await this.#applyIncoming(incoming);
      } else if (this.#writes.length > 0) await this.#commitSome();
      else break;
    }
    // In the same step as the last look: what comes after it begins anew.
    this.#isRunning = false;
  }

  #refuseAll(failure: Error): void {
    this.#refuse(failure);
    for (const waiting of [...this.#locals.splice(0), ...this.#alone.splice(0)]) {
      waiting.reject(failure);
    }
    const incoming = this.#incoming;
    this.#incoming = undefined;
    if (this.#closed) incoming?.done.resolve();
    else incoming?.done.reject(failure);
  }

  #runLocals(): void {
    const { hooks } = this.#uses;
    for (const write of this.#locals.splice(0)) {
      try {
        this.#begin.run();
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
        const { prev, effects, newest } = decodeAt(position, bytes, key);
        if (!Buffer.from(prev).equals(state.chain)) {
          throw new XsError(
            "journal_damaged",
            `the record at ${position} does not follow the one at ${state.applied}: a record was left out, altered or replaced; nothing of it was applied`,
            { members: { record: String(position) } },
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
    const { hooks, journal } = this.#uses;
    const leads = this.epoch !== undefined;
    if (!leads) this.#refuse(this.#notLeader(), ({ isStand }) => !isStand);
    const decided = this.#decider.decide(this.#writes, journal.maxRecord / 2);
    if (!decided) return;
    const { transaction, outcomes } = decided;
    const { effects } = transaction.record;
    const durable = effects.filter((effect) => effect.kind !== "frame" || !effect.isEphemeral);
    const newest = hooks.newest();
    const writes = outcomes.map(([write]) => write);
    if (durable.length === 0 && !(leads && decided.needsProof)) {
      if (effects.length > 0) {
        if (leads && !(await this.#recordIds(framesOf(effects), writes))) return;
        hooks.tell(transaction, undefined);
        hooks.applied(effects, newest);
      }
      for (const [write, outcome] of outcomes) answer(write, outcome);
      return;
    }
    const bytes = this.#encode(durable, newest);
    if (effects.length > durable.length) hooks.tell(transaction, bytes);
    const position = await this.#put(bytes, writes);
    if (position === undefined) return;
    countCommit(this.counts, outcomes.length);
    const done = () => {
      for (const [write, outcome] of outcomes) answer(write, outcome);
    };
    try {
      await this.#apply(position, bytes, effects.map(withoutRow), newest, done);
    } catch (error) {
      for (const write of writes) write.reject(error as Error);
      throw error;
    }
    done();
  }

  /** Sees to it that ephemeral frames have ids that need no record; see {@link needsRecord}. Resolves to whether they have. */
  async #recordIds(frames: readonly FrameEffect[], writes: Write[]): Promise<boolean> {
    const [first] = frames;
    const last = frames.at(-1);
    if (!first || !last || !needsRecord(last.id, this.#uses.state.newest)) return true;
    // Below them: whoever applies it waits for them.
    const newest = firstIdAt(first.ms);
    const bytes = this.#encode([], newest);
    const position = await this.#put(bytes, writes);
    if (position === undefined) return false;
    await this.#apply(position, bytes, [], newest);
    return true;
  }

  #encode(effects: readonly Effect[], newest: string): Uint8Array {
    const { state, key } = this.#uses;
    const nonce = crypto.getRandomValues(new Uint8Array(16));
    const epoch = state.leader?.epoch ?? 0;
    return encodeRecord({ prev: state.chain, nonce, epoch, newest, effects }, key);
  }

  /** Puts a record into the journal. Resolves to its position, or settles its writes in another way. */
  async #put(bytes: Uint8Array, writes: Write[]): Promise<number | undefined> {
    const { journal, state } = this.#uses;
    const put = new RecordPut(bytes);
    this.#inFlight = put;
    let hasStalled = false;
    const stalled = setTimeout(() => {
      hasStalled = true;
      this.#stall(writes, put.isFenced);
    }, this.#stallMs);
    const began = performance.now();
    this.#isWaiting = true;
    if (this.#incoming) put.came(this.#incoming.position, this.#incoming.bytes);
    try {
      const outcome = await put.run(journal, state.applied);
      if (outcome === undefined) {
        const reason = this.#failure() ?? unknown("the store closes");
        for (const write of writes) write.reject(put.isFenced ? reason : unknown(reason.message));
      } else if (outcome === "elsewhere") {
        // Nothing of it is there: it is decided again, after what came instead, unless its writers have gone.
        const again = writes.filter(({ isPatient }) => isPatient || !hasStalled);
        this.#writes.unshift(...again);
      } else if ("refusal" in outcome) {
        for (const write of writes) write.reject(outcome.refusal);
      } else {
        this.appends.add(performance.now() - began);
        return outcome.position;
      }
      return undefined;
    } finally {
      this.#isWaiting = false;
      clearTimeout(stalled);
      if (this.problem?.code === "journal_unreachable") this.problem = undefined;
      this.#inFlight = undefined;
    }
  }

  /** Refuses what waits: the journal does not answer. */
  #stall(writes: readonly Write[], isFenced: boolean): void {
    this.stalls++;
    this.problem = new XsError(
      "journal_unreachable",
      isFenced
        ? "another record is in the place of the next one, and the journal does not hand it out: nothing is written until it does (reads go on); see  xs nodes check"
        : "the journal does not answer: nothing is written until it does (reads go on); see  xs nodes check",
      { members: { outcome: "none" } },
    );
    const reason = isFenced
      ? this.problem
      : unknown(`the journal has not answered for ${this.#stallMs / 1000} s`);
    for (const write of writes) if (!write.isPatient) write.reject(reason);
    this.#refuse(this.problem, ({ isPatient }) => !isPatient);
  }

  #refuse(reason: Error, isMeant: (write: Waiting) => boolean = () => true): void {
    const writes = this.#writes.splice(0);
    for (const write of writes) {
      if (isMeant(write)) write.reject(reason);
      else this.#writes.push(write);
    }
  }

  get #stallMs(): number {
    return this.#uses.stallMs ?? STALL_MS;
  }

  /**
   * Applies a record that is in the journal. It waits where the disk is full: no record is left out.
   *
   * @param late called if it has to wait: the record is durable, here or not
   */
  async #apply(
    position: number,
    bytes: Uint8Array,
    effects: readonly Effect[],
    newest: string,
    late: () => void = () => {},
  ): Promise<void> {
    const { state, hooks } = this.#uses;
    for (;;) {
      try {
        this.#begin.run();
        hooks.apply(effects);
        state.write(position, hashOfRecord(bytes), newest, bytes.length);
        this.#commit.run();
        break;
      } catch (error) {
        this.#rollBack();
        state.rolledBack();
        const failure = hooks.applyFailed(error as Error);
        if (!(failure instanceof XsError) || failure.code !== "disk_full") throw failure;
        this.problem = failure;
        late();
        this.#isWaiting = true;
        await Promise.race([Bun.sleep(RETRY_MS), this.#ended.promise]);
        this.#isWaiting = false;
        if (this.#failure()) return;
      }
    }
    if (this.problem?.code === "disk_full") this.problem = undefined;
    state.committed();
    this.applied++;
    hooks.applied(effects, newest);
    this.moved.wake();
  }

  #rollBack(): void {
    if (this.#uses.db.inTransaction) this.#rollback.run();
  }

  #notLeader(): XsError {
    const { leader } = this.#uses.state;
    return notLeader(
      leader,
      leader
        ? `the node ${leader.node} leads: it alone writes`
        : "no node leads yet: nothing can be written",
    );
  }
}

/** An effect as another node gets it: the rows of a decision that was rolled back are not those of the tables. */
function withoutRow(effect: Effect): Effect {
  if (effect.kind !== "remove" || effect.seq === undefined) return effect;
  const { seq: _, ...rest } = effect;
  return rest;
}

function unknown(why: string): XsError {
  return new XsError(
    "journal_unreachable",
    `${why}: whether this was written is not known yet; read before you write it again, or send it with an Idempotency-Key`,
    { members: { outcome: "unknown" } },
  );
}

/** Reads a record. @throws XsError `journal_damaged`, which names it */
function decodeAt(position: number, bytes: Uint8Array, key: Uint8Array): JournalRecord {
  try {
    return decodeRecord(bytes, key);
  } catch (error) {
    if (!(error instanceof XsError)) throw error;
    throw new XsError(
      error.code,
      `record ${position}: ${error.message}; nothing of it was applied`,
      {
        cause: error,
        members: { record: String(position) },
      },
    );
  }
}
