import { XsError } from "../core/error.ts";
import type { Cluster } from "../store/journal/journal.ts";
import type { SqliteStore } from "../store/sqlite/engine.ts";
import type { Replica } from "../store/sqlite/replica/replica.ts";
import type { Erased } from "../store/upkeep.ts";
import { decode, encode, type Reply, valueIn } from "./operations.ts";
import type { SnapshotKeeper } from "./snapshots/keeper.ts";

/** The prefix of the blobs that tell nodes to erase: the rest is a position. */
const PREFIX = "erase/";
/** How long a node may take to rewrite its database, in ms. */
const NODE_MS = 15 * 60_000;
/** How long a node waits for a record up to which it erases, in ms. */
const REACH_MS = 60_000;
/** The most bytes of one record that pushes others out of a file. */
const PAD_BYTES = 900_000;

/** What erases. */
export interface EraserUses {
  readonly store: SqliteStore;
  readonly replica: Replica;
  readonly cluster: Cluster;
  readonly snapshots: SnapshotKeeper;
}

/**
 * Sees to it that nothing of what was removed is left in a file of a node or of the journal. Each node rewrites its
 * database; one that is away finds a blob that tells it to, at its next start. Then a snapshot takes the place of all
 * records that may have it.
 */
export class Eraser {
  readonly #uses: EraserUses;
  #running: Promise<void> = Promise.resolve();

  constructor(uses: EraserUses) {
    this.#uses = uses;
  }

  /**
   * On the node that leads, after a collection.
   *
   * @throws XsError `not_leader`, `journal_unreachable`, `disk_full`
   */
  async erase(): Promise<Erased> {
    const { store, replica, cluster, snapshots } = this.#uses;
    const { state, options } = replica;
    await store.forgetAnswers();
    const position = state.applied;
    await cluster.blobs.put(`${PREFIX}${position}`, once(Buffer.from("erase\n")));
    for (const name of await this.#markers()) {
      if (positionIn(name) < position) await cluster.blobs.delete(name);
    }
    const others = state.nodes.filter((node) => node !== options.self.node);
    const asked = others.map((node) => this.#ask(node, position));
    await this.scrubTo(position);
    const pending = (await Promise.all(asked)).filter((node) => node !== undefined);
    await this.#pad();
    const { position: record } = await snapshots.make();
    await snapshots.trimTo(record);
    await cluster.blobs.erase?.();
    const nodes = [options.self.node, ...others].filter((node) => !pending.includes(node)).sort();
    return { record, nodes, pending };
  }

  /** Erases on this node, once it has a record, if that is not done. */
  scrubTo(position: number): Promise<void> {
    const done = this.#running.catch(() => {}).then(() => this.#scrubTo(position));
    this.#running = done;
    return done;
  }

  /** Looks whether this node was away when it was told to erase. */
  async look(): Promise<void> {
    const newest = Math.max(0, ...(await this.#markers()).map(positionIn));
    if (newest > 0) await this.scrubTo(newest);
  }

  async idle(): Promise<void> {
    await this.#running.catch(() => {});
  }

  async #scrubTo(position: number): Promise<void> {
    const { store, replica } = this.#uses;
    const { state, commits } = replica;
    if (state.erased >= position) return;
    const end = performance.now() + REACH_MS;
    while (state.applied < position) {
      if (performance.now() > end) throw new XsError("not_reached", "this node is behind");
      await Promise.race([commits.moved.wait(), Bun.sleep(1000)]);
    }
    await store.scrub();
    await commits.local(() => state.setErased(position));
  }

  /** Resolves to undefined, or to the name of a node that has not done it. */
  async #ask(node: string, position: number): Promise<string | undefined> {
    try {
      const question = encode({ do: "erase", position });
      valueIn(decode<Reply>(await this.#uses.cluster.messages.ask(node, question, NODE_MS)));
      return undefined;
    } catch (error) {
      if (error instanceof XsError) return node;
      throw error;
    }
  }

  /**
   * The servers of a journal keep records in files of some size, and remove a file when all in it is gone. Records
   * without effect push the others into files of which nothing stays.
   */
  async #pad(): Promise<void> {
    const { journal } = this.#uses.cluster;
    const { fileBytes = 0 } = journal;
    const size = Math.min(PAD_BYTES, Math.floor(journal.maxRecord * 0.8));
    const filler = " ".repeat(size);
    for (let padded = 0; fileBytes > 0 && padded < fileBytes + size; padded += size) {
      await this.#uses.replica.commits.write((transaction) =>
        transaction.add({ kind: "candidates", hashes: [filler], kept: true }),
      );
    }
  }

  async #markers(): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of this.#uses.cluster.blobs.list(PREFIX)) names.push(name);
    return names;
  }
}

function positionIn(name: string): number {
  return Number.parseInt(name.slice(PREFIX.length), 10) || 0;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
