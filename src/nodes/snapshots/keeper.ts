import { XsError } from "../../core/error.ts";
import type { Cluster } from "../../store/journal/journal.ts";
import type { SqliteStore } from "../../store/sqlite/engine.ts";
import type { Replica } from "../../store/sqlite/replica/replica.ts";
import { positionIn, SNAPSHOT_PREFIX, type SnapshotHead, SnapshotReader } from "./format.ts";
import { makeSnapshot } from "./make.ts";

/** When a snapshot is made, and how often a node looks whether it is time, in ms. */
export interface SnapshotTimes {
  readonly everyRecords: number;
  readonly everyBytes: number;
  readonly checkMs: number;
}

export const SNAPSHOT_TIMES: SnapshotTimes = {
  everyRecords: 1_000_000,
  everyBytes: 1_000_000_000,
  checkMs: 30_000,
};

/** What keeps the snapshots of a store. */
export interface KeeperUses {
  readonly store: SqliteStore;
  readonly replica: Replica;
  readonly cluster: Cluster;
  readonly times: SnapshotTimes;
}

/**
 * Makes a snapshot of the store now and then, so that new nodes need not apply every record. Some node other than the
 * leader does, if there is one; the leader removes the records up to the snapshot before the last, and older snapshots.
 */
export class SnapshotKeeper {
  readonly #uses: KeeperUses;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #isBusy = false;
  /** How often in a row it was time for one. */
  #looks = 0;
  #newest: SnapshotHead | undefined;
  /** Why the last one failed; undefined while all is well. */
  problem: string | undefined;

  constructor(uses: KeeperUses) {
    this.#uses = uses;
    this.#timer = setInterval(() => void this.look(), uses.times.checkMs);
    this.#timer.unref();
  }

  /** Looks whether there is something to do. */
  look(): Promise<void> {
    if (this.#isBusy || this.#stop.signal.aborted) return this.#running;
    this.#isBusy = true;
    this.#running = this.#look()
      .catch((error: Error) => {
        this.problem = `no snapshot could be made: ${error.message}`;
      })
      .finally(() => {
        this.#isBusy = false;
      });
    return this.#running;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort(new XsError("store_closed", "the store is closed"));
    await this.#running;
  }

  /** Makes a snapshot now. Resolves to its head. */
  async make(): Promise<SnapshotHead> {
    const { store, cluster } = this.#uses;
    this.#newest = await makeSnapshot(store, cluster.blobs, this.#stop.signal);
    return this.#newest;
  }

  /** Removes the records up to a snapshot, and all older snapshots. Only the node that leads may. */
  async trimTo(position: number): Promise<void> {
    const { cluster, replica } = this.#uses;
    const { epoch } = replica;
    if (epoch === undefined) return;
    const names = await this.#names();
    if (!names.some((name) => positionIn(name) >= position)) {
      throw new XsError("internal", `there is no snapshot of record ${position}`);
    }
    await cluster.journal.trim(position);
    for (const name of names) {
      if (replica.epoch !== epoch) return;
      if (positionIn(name) < position) await cluster.blobs.delete(name);
    }
  }

  async #look(): Promise<void> {
    const { replica } = this.#uses;
    if (!this.#isDue()) {
      this.#looks = 0;
      this.problem = undefined;
      return;
    }
    const names = await this.#names();
    await this.#readNewest(names);
    if (!this.#isDue()) {
      await this.#tidy(names);
      return;
    }
    if (this.#looks++ < this.#rank()) return;
    this.#looks = 0;
    await this.make();
    this.problem = undefined;
    if (replica.epoch !== undefined) await this.#tidy(await this.#names());
  }

  #isDue(): boolean {
    const { replica, times } = this.#uses;
    const { applied, bytes } = replica.state;
    const { position, recordBytes } = this.#newest ?? { position: 0, recordBytes: 0 };
    return (
      applied - position >= times.everyRecords ||
      (applied > position && bytes - recordBytes >= times.everyBytes)
    );
  }

  /** How many nodes are asked before this one: all others before the one that leads. */
  #rank(): number {
    const { state, options, epoch } = this.#uses.replica;
    const others = state.nodes.filter((node) => node !== state.leader?.node);
    const rank = others.indexOf(options.self.node);
    return epoch !== undefined || rank < 0 ? others.length : rank;
  }

  /** Removes what the last two snapshots make needless. */
  async #tidy(names: readonly string[]): Promise<void> {
    const { replica } = this.#uses;
    if (replica.epoch === undefined || names.length < 2) return;
    const before = await this.#headOf(names[1] as string);
    if (before && before.position <= replica.state.applied) await this.trimTo(before.position);
  }

  async #readNewest([name]: readonly string[]): Promise<void> {
    if (name === undefined || positionIn(name) <= (this.#newest?.position ?? -1)) return;
    this.#newest = (await this.#headOf(name)) ?? this.#newest;
  }

  /** The head of a snapshot; undefined where it is not sound. */
  async #headOf(name: string): Promise<SnapshotHead | undefined> {
    const { cluster, replica } = this.#uses;
    const stream = await cluster.blobs.open(name);
    if (!stream) return undefined;
    const reader = new SnapshotReader(stream, replica.options.key);
    try {
      return await reader.head();
    } catch (error) {
      if (error instanceof XsError && error.code !== "journal_unreachable") return undefined;
      throw error;
    } finally {
      await reader.close();
    }
  }

  /** The names of the snapshots, the newest first. */
  async #names(): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of this.#uses.cluster.blobs.list(SNAPSHOT_PREFIX)) names.push(name);
    return names.sort((one, other) => positionIn(other) - positionIn(one));
  }
}
