import { XsError } from "../core/error.ts";
import { over } from "../lib/over.ts";
import { Signal } from "../lib/signal.ts";
import type { ContentPolicy } from "../store/content-policy.ts";
import type { Cluster, Following } from "../store/journal/journal.ts";
import type { SqliteStore } from "../store/sqlite/engine.ts";
import type { Told } from "../store/sqlite/replica/ephemerals.ts";
import type { Replica } from "../store/sqlite/replica/replica.ts";
import { notLeader } from "../store/sqlite/replica/replica-state.ts";
import type { OpenStore } from "../store/store.ts";
import type { ProbeAnswer } from "./clocks.ts";
import { ContentKeeping } from "./content-keeping.ts";
import { Election } from "./election.ts";
import { Eraser } from "./eraser.ts";
import { FedContent } from "./fed-content.ts";
import { Membership } from "./membership.ts";
import { nodeStore, onlyOnLeader, perform, Router } from "./node-store.ts";
import {
  decode,
  encode,
  failure,
  type Question,
  type Reply,
  type Several,
  valueIn,
} from "./operations.ts";
import { Overview } from "./overview.ts";
import { SnapshotKeeper, type SnapshotTimes } from "./snapshots/keeper.ts";
import { type NodeTiming, TIMING } from "./timing.ts";

/** How long another node may think about who reads there, in ms. */
const FOLLOWS_MS = 1000;

/** What a node stands on. */
export interface NodeUses {
  /** The open directory, with its replica. */
  readonly store: SqliteStore;
  readonly cluster: Cluster;
  /** How much of the large content it has; undefined for what it took and read, without a bound. */
  readonly content?: ContentPolicy;
  /** When it makes snapshots; undefined for never. */
  readonly snapshots?: SnapshotTimes;
  readonly now?: () => number;
  readonly timing?: Partial<NodeTiming>;
}

/** One of the machines of a store: it follows the journal, asks or is the node that leads, and lends a store to all others. */
export class Node {
  /** What reads here, and writes wherever that is done. */
  readonly store: OpenStore;
  /** Wakes when this node begins or ceases to lead. */
  readonly leadChanged = new Signal();
  /** Answers what this node or another one asks about what runs here, while it leads; see `inquire`. */
  answerInquiry: (inquiry: unknown) => Promise<unknown> = async () => {
    throw new XsError("not_leader", "nothing runs here yet");
  };
  readonly router: Router;
  readonly election: Election;
  /** All nodes, for whoever runs them. */
  readonly overview: Overview;
  readonly #membership: Membership;
  readonly #uses: NodeUses;
  readonly #timing: NodeTiming;
  readonly #replica: Replica;
  readonly #following: Following;
  readonly #ends: (() => void)[] = [];
  readonly #electing: Promise<void>;
  readonly keeping: ContentKeeping;
  readonly fed: FedContent;
  readonly snapshots: SnapshotKeeper | undefined;
  readonly eraser: Eraser | undefined;
  #closed = false;

  constructor(uses: NodeUses) {
    this.#uses = uses;
    const { store, cluster, now = Date.now } = uses;
    const timing = { ...TIMING, ...uses.timing };
    this.#timing = timing;
    const { replica } = store;
    if (!replica) throw new XsError("internal", "the store has no journal");
    this.#replica = replica;
    const { journal, messages } = cluster;
    this.keeping = new ContentKeeping(
      { store, blobs: cluster.blobs, content: uses.content },
      replica,
      now,
    );
    const problem = () => cluster.problem;
    this.fed = new FedContent({ store, replica, messages, timing });
    const { fed } = this;
    const shared = { store, replica, messages, timing, problem, spent: this.keeping.spent, fed };
    this.router = new Router(shared);
    const inner = nodeStore(shared, this.router);
    this.store = over(inner, {
      upkeep: over(inner.upkeep, {
        erase: () => {
          if (this.epoch === undefined) throw onlyOnLeader(replica, "gc --erase");
          if (!this.eraser) throw new XsError("internal", "this node makes no snapshots");
          return this.eraser.erase();
        },
      }),
      close: async (finishing) => {
        await this.#close();
        await store.close(finishing);
        await cluster.close();
      },
    });
    const { self } = replica.options;
    this.#ends.push(
      messages.answer(self.node, (body) => this.#answer(body)),
      messages.hear((body) => {
        const told = decode<Told>(body);
        if (told.run !== self.run) replica.hear(told);
      }),
    );
    this.#following = journal.follow(replica.state.applied, (position, bytes) =>
      replica.commits.take(position, bytes),
    );
    this.#following.ended.catch((error: Error) => {
      if (!this.#closed) store.stopFor(orTrimmed(error));
    });
    const { snapshots: times } = uses;
    this.snapshots = times && new SnapshotKeeper({ store, replica, cluster, times });
    const { snapshots } = this;
    this.eraser = snapshots && new Eraser({ store, replica, cluster, snapshots });
    const lookForErasure = () => void this.eraser?.look().catch(() => {});
    lookForErasure();
    this.election = new Election({ journal, messages, replica, now, timing });
    const { router, election } = this;
    const snapshotProblem = () => snapshots?.problem;
    const followProblem = () => this.#following.problem;
    const shown = {
      store,
      replica,
      cluster,
      router,
      election,
      followProblem,
      snapshotProblem,
      now,
    };
    this.overview = new Overview(shown);
    this.#membership = new Membership(replica, router, lookForErasure);
    this.#electing = this.election.run().catch((error: Error) => store.stopFor(error));
    void this.#watchLead();
  }

  /** The epoch in which this node leads; undefined while it does not. */
  get epoch(): number | undefined {
    return this.#replica.epoch;
  }

  get replica(): Replica {
    return this.#replica;
  }

  /** The store of its directory. */
  get engine(): SqliteStore {
    return this.#uses.store;
  }

  /** The name of this node. */
  get name(): string {
    return this.#replica.options.self.node;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether nothing can be written because the journal does not answer. */
  get isStalled(): boolean {
    return this.#replica.commits.problem?.code === "journal_unreachable";
  }

  /**
   * Asks the node that leads, this one or another, about what runs there.
   *
   * @param ms how long to look for one
   * @throws XsError `not_leader`, `journal_unreachable`
   */
  inquire(inquiry: unknown, ms?: number): Promise<unknown> {
    const here = () => this.answerInquiry(inquiry);
    return this.router.onLeader({ do: "inquire", inquiry }, here, ms);
  }

  /** Whether a read that follows on another node takes frames of a topic. A node that does not answer has none. */
  async isFollowedElsewhere(topic: string): Promise<boolean> {
    const { messages } = this.#uses.cluster;
    const question = encode({ do: "follows", topic });
    const others = this.#replica.state.nodes.filter((node) => node !== this.name);
    const answers = others.map(async (node) => {
      const answer = await messages.ask(node, question, FOLLOWS_MS);
      if (valueIn(decode<Reply>(answer)).value !== true) throw new Error("it does not");
      return true;
    });
    return await Promise.any(answers).catch(() => false);
  }

  /** The store for what runs only as long as this node leads in an epoch. */
  storeUnder(epoch: number): OpenStore {
    const { store, cluster } = this.#uses;
    const { messages } = cluster;
    const timing = this.#timing;
    const { spent } = this.keeping;
    const shared = { store, replica: this.#replica, messages, timing, spent, fed: this.fed };
    return nodeStore(shared, this.router, epoch);
  }

  /** Ends the node, and lets another one lead. */
  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#membership.stop();
    this.fed.stop();
    this.election.stop();
    this.overview.digests.stop();
    await this.keeping.stop();
    await this.snapshots?.stop();
    await this.eraser?.idle();
    await this.#electing;
    const { epoch } = this;
    if (epoch !== undefined) await this.#resign(epoch);
    this.#following.stop();
    for (const end of this.#ends) end();
    this.#replica.commits.moved.wake();
  }

  async #resign(epoch: number): Promise<void> {
    const resigned = this.#replica.commits.write((transaction) =>
      transaction.add({ kind: "lead", epoch, node: "", run: "" }),
    );
    await Promise.race([resigned.catch(() => {}), Bun.sleep(this.#timing.resignMs)]);
  }

  /** Answers another node. */
  async #answer(body: Uint8Array): Promise<Uint8Array> {
    return encode(await this.#reply(async () => this.#valueFor(decode(body))));
  }

  async #reply(value: () => Promise<unknown>): Promise<Reply> {
    const { state } = this.#replica;
    try {
      return { value: (await value()) ?? null, record: state.applied };
    } catch (error) {
      return failure(error, state.applied);
    }
  }

  async #valueFor(question: Question | Several): Promise<unknown> {
    const { store } = this.#uses;
    const { commits, state, options } = this.#replica;
    switch (question.do) {
      case "several":
        return Promise.all(
          question.questions.map((each) => this.#reply(() => this.#valueFor(each))),
        );
      case "probe": {
        const { problem } = commits;
        if (problem) throw problem;
        const { now = Date.now } = this.#uses;
        return { run: options.self.run, now: now() } satisfies ProbeAnswer;
      }
      case "status":
        return this.overview.own();
      case "prepare":
        return this.overview.digests.prepare(question.token);
      case "digest":
        return this.overview.digests.stateOf(question.token);
      case "erase":
        await this.eraser?.scrubTo(question.position);
        return true;
      case "feeds":
        return this.fed.here;
      case "follows":
        return store.isFollowed(question.topic);
    }
    if (this.epoch === undefined) throw notLeader(state.leader, "another node leads");
    if (question.do === "inquire") return this.answerInquiry(question.inquiry);
    return perform(store, question);
  }

  async #watchLead(): Promise<void> {
    const { commits } = this.#replica;
    let known: number | undefined;
    while (!this.#closed) {
      await commits.moved.wait();
      if (this.epoch === known) continue;
      known = this.epoch;
      this.leadChanged.wake();
    }
  }
}

/** Says of a node that is behind the journal what to do. */
function orTrimmed(error: Error): Error {
  if (!(error instanceof XsError) || error.code !== "journal_trimmed") return error;
  return new XsError(
    error.code,
    `this node was away for so long that records which it lacks were removed behind a snapshot: start it again, and it takes that (${error.message})`,
    { cause: error },
  );
}
