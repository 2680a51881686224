import type { Database } from "bun:sqlite";
import { join } from "node:path";
import { XsError } from "../../../core/error.ts";
import { LOCK } from "../../is-store.ts";
import type { ContentStore } from "../content/content.ts";
import type { Health } from "../health.ts";
import type { InPlace } from "../in-place.ts";
import type { KvStore } from "../kv/kv.ts";
import { KEPT_MS } from "../log/idempotency.ts";
import type { Tally } from "../metrics.ts";
import type { Parts } from "../parts.ts";
import type { Replica } from "../replica/replica.ts";
import { TableApplier } from "./apply.ts";
import type { CommitCounts, Commits } from "./commits.ts";
import { GroupCommit } from "./group-commit.ts";
import { Transaction } from "./transaction.ts";
import { removeMark, WalMark } from "./wal-mark.ts";

/** What the writer of a store uses. */
export interface WriterUses {
  /** The directory of the store. */
  readonly path: string;
  readonly db: Database;
  /** The path of the database. */
  readonly database: string;
  readonly parts: Parts;
  readonly place: InPlace;
  readonly health: Health;
  readonly tally: Tally;
  /** Of a store on several machines. */
  readonly replica: Replica | undefined;
}

/** The one writer of a store: it turns writes into commits, and shows readers what is durable. */
export class Writer {
  readonly #uses: WriterUses;
  /** Undefined until {@link open}, and where the store cannot be written. */
  #commits: Commits | undefined;

  constructor(uses: WriterUses) {
    this.#uses = uses;
  }

  /** What was committed; undefined where the store cannot be written. */
  get counts(): CommitCounts | undefined {
    return this.#commits?.counts;
  }

  /** Whether it is for this process to decide what goes: on several machines, for the one that leads. */
  get decides(): boolean {
    const { replica } = this.#uses;
    return !replica || replica.epoch !== undefined;
  }

  /** @throws XsError `not_leader` unless this process still leads in this epoch */
  checkEpoch(epoch: number): void {
    if (this.#uses.replica?.epoch === epoch) return;
    throw new XsError(
      "not_leader",
      `the epoch ${epoch} of this node is over: another one has begun`,
    );
  }

  /** Runs a write in the next commit; see {@link Commits.write}. */
  readonly write = <T>(run: (transaction: Transaction) => T, isPatient?: boolean): Promise<T> => {
    if (!this.#commits) return Promise.reject(this.#uses.health.failed);
    return this.#commits.write(run, isPatient);
  };

  /** The same for what concerns this directory alone; see {@link Commits.local}. */
  readonly local = <T>(run: (transaction: Transaction) => T): Promise<T> => {
    if (!this.#commits) return Promise.reject(this.#uses.health.failed);
    return this.#commits.local(run);
  };

  /** Begins to take writes, and ends what a process that was killed, or a clock that was wrong, has left. */
  open(kv: KvStore, contents: ContentStore): void {
    const { path, db, database, place, replica, parts } = this.#uses;
    for (const file of [path, `${database}-wal`, database, join(path, LOCK)]) place.watch(file);
    const { tables: frames, contentTables: content } = parts;
    const applier = new TableApplier({ ...parts, frames, kv, content, replica });
    if (replica) {
      // Of the time before it had a journal: nothing writes it from now on.
      removeMark(database);
      this.#commits = replica.open({ ...this.#uses, applier, kv, contents });
      return;
    }
    const wal = { path: `${database}-wal`, mark: new WalMark(database) };
    this.#commits = new GroupCommit(db, wal, this.#hooks(applier, kv, contents));
    this.#takeUp();
  }

  close(): void {
    this.#commits?.close();
  }

  #hooks(
    applier: TableApplier,
    kv: KvStore,
    contents: ContentStore,
  ): ConstructorParameters<typeof GroupCommit>[2] {
    const { parts, health, place, tally } = this.#uses;
    const { clock, horizon, retention, ids, live } = parts;
    return {
      failed: () => health.failed,
      begins: () => {
        // Each commit looks at the clock, so that what expires by then stays gone if it is set back.
        clock.begins();
        horizon.begins(parts.search.ends);
        return new Transaction(applier);
      },
      beforeCommit: (transaction) => {
        retention.trim(transaction);
        if (transaction.usesIds) transaction.add({ kind: "newest", id: ids.newest });
        transaction.settle();
      },
      committed: ({ record: { effects }, appended }) => {
        tally.committed(appended);
        const frames = effects.filter((effect) => effect.kind === "frame");
        const changes = kv.changesIn(effects);
        contents.committed();
        return () => {
          horizon.isDurable();
          if (frames.length > 0) live.publish(frames);
          kv.publish(changes);
        };
      },
      rolledBack: (error) => {
        horizon.isRolledBack();
        clock.rolledBack();
        retention.rolledBack();
        const failure = health.translate(error);
        if (!health.failed) applier.rolledBack();
        return failure;
      },
      misplaced: () => place.problemAtHand(),
      syncFailed: (error) => health.stop(error),
    };
  }

  #takeUp(): void {
    const { parts, health } = this.#uses;
    const { answers, growing, clock, log } = parts;
    if (answers.wasAhead()) {
      const shortenAnswers = clock.now() + KEPT_MS;
      this.write((transaction) => transaction.add({ kind: "sweep", shortenAnswers })).catch(
        health.taskFailed,
      );
    }
    if (!growing.any()) return;
    this.write((transaction) => {
      for (const request of growing.endings()) log.append(transaction, request);
    }).catch(health.taskFailed);
  }
}
