import { statfs } from "node:fs/promises";
import { hostname } from "node:os";
import { quoted, XsError } from "../core/error.ts";
import { timestampOf } from "../core/id.ts";
import type { JournalStatus, NodeStatus } from "../core/node-status.ts";
import type { Blobs, Cluster, Finding } from "../store/journal/journal.ts";
import type { ComparedNode, NodeMetrics, Nodes } from "../store/nodes.ts";
import type { SqliteStore } from "../store/sqlite/engine.ts";
import type { Replica } from "../store/sqlite/replica/replica.ts";
import { version } from "../version.ts";
import { checkNodes, type NewestSnapshot } from "./check-nodes.ts";
import { keyFileOf } from "./cluster-key.ts";
import { compareNodes } from "./compare-nodes.ts";
import { ContentCounter } from "./content-count.ts";
import { Digests } from "./digests.ts";
import type { Election } from "./election.ts";
import type { Router } from "./node-store.ts";
import { decode, encode, type Reply, valueIn } from "./operations.ts";
import { type OwnStatus, publicKeyId } from "./own-status.ts";
import { positionIn, SNAPSHOT_PREFIX } from "./snapshots/format.ts";

/** How long another node, and the journal, may think, in ms. */
const ASK_MS = 1000;

/** What an overview looks at. */
export interface OverviewUses {
  readonly store: SqliteStore;
  readonly replica: Replica;
  readonly cluster: Cluster;
  readonly router: Router;
  readonly election: Election;
  /** Why no records come, though there are some. */
  readonly followProblem: () => XsError | undefined;
  /** Why the last snapshot of this node failed. */
  readonly snapshotProblem: () => string | undefined;
  readonly now: () => number;
}

/** What a node says of itself, and when it came. */
interface Heard {
  readonly status: OwnStatus;
  readonly at: number;
  /** How far its clock is ahead of ours, in ms. */
  readonly clockMs: number;
}

/** All nodes of a store, as one of them knows them. */
export class Overview implements Nodes {
  /** Where this node serves the API over the network, if it does. */
  address: string | undefined;
  /** What this node reads of itself where one compares all. */
  readonly digests: Digests;
  readonly #uses: OverviewUses;
  readonly #counter: ContentCounter;
  /** What each node said last. */
  readonly #heard = new Map<string, Heard>();
  /** The last record of the journal that was seen. */
  #last = 0;

  constructor(uses: OverviewUses) {
    this.#uses = uses;
    this.#counter = new ContentCounter(uses.store);
    this.digests = new Digests(uses.replica);
  }

  /** What this node says of itself. */
  async own(): Promise<OwnStatus> {
    const { store, replica, election, followProblem, snapshotProblem, now } = this.#uses;
    const { state, commits, options } = replica;
    const [count, disk] = await Promise.all([this.#counter.count(), diskFree(store.path)]);
    const problem = store.refusal ?? commits.problem ?? followProblem();
    return {
      leads: replica.epoch !== undefined,
      epoch: state.leader?.epoch ?? null,
      record: state.applied,
      newest: state.newest,
      contents: count?.contents ?? null,
      contentBytes: count?.bytes ?? null,
      contentsElsewhere: count?.elsewhere ?? null,
      diskFreeBytes: disk,
      now: now(),
      version,
      host: hostname(),
      address: this.address ?? null,
      appendMs: msOf(commits.appends.times.last),
      keyId: publicKeyId(options.key),
      keyFile: keyFileOf(store.path, options.key),
      problem: problem?.message ?? election.problem ?? snapshotProblem() ?? null,
    };
  }

  async list(): Promise<readonly [...NodeStatus[], JournalStatus]> {
    const { replica, cluster } = this.#uses;
    const { self } = replica.options;
    const names = new Set([...replica.state.nodes, self.node]);
    const [extent, replicas, ...answers] = await Promise.all([
      inTime(cluster.journal.extent()),
      inTime(cluster.replicas?.() ?? Promise.resolve(undefined)),
      ...[...names].sort().map((name) => this.#ask(name)),
    ]);
    const answered = answers.flatMap(({ heard, isAway }) => (heard && !isAway ? [heard] : []));
    const records = answered.map(({ status }) => status.record);
    this.#last = Math.max(this.#last, extent?.last ?? 0, ...records);
    const newest =
      answered
        .map(({ status }) => status.newest)
        .sort()
        .at(-1) ?? "";
    const epoch = Math.max(...answered.map(({ status }) => (status.leads ? status.epoch : 0) ?? 0));
    const nodes = answers.map((answer) => this.#rowOf(answer, newest, epoch));
    const leader = nodes.find(({ role }) => role === "leader");
    const leading = leader && this.#heard.get(leader.name)?.status;
    return [
      ...nodes,
      {
        kind: "journal",
        name: replica.options.name,
        first: extent?.first ?? null,
        last: this.#last,
        reachable: extent !== undefined,
        replicas: replicas ?? null,
        leader: leader?.name ?? null,
        append_ms: leading?.appendMs ?? null,
      },
    ];
  }

  async forget(name: string): Promise<void> {
    const { replica, router } = this.#uses;
    if (!replica.state.nodes.includes(name)) {
      throw new XsError("not_found", `there is no node ${quoted(name)}:  xs nodes  lists them`);
    }
    const { isAway } = await this.#ask(name);
    if (!isAway) {
      throw new XsError(
        "node_present",
        `the node ${name} answers: end its server first, if it is not to come back`,
      );
    }
    await router.write({ do: "forgetNode", node: name });
    this.#heard.delete(name);
  }

  async check(): Promise<readonly Finding[]> {
    const { cluster } = this.#uses;
    const [ofJournal, rows, snapshot] = await Promise.all([
      cluster.check?.().catch(unreachable) ?? [],
      this.list(),
      inTime(newestSnapshot(cluster.blobs)),
    ]);
    const said = new Map<string, OwnStatus>();
    for (const row of rows) {
      if (row.kind !== "node" || row.role === "away") continue;
      const heard = this.#heard.get(row.name);
      if (heard) said.set(row.name, heard.status);
    }
    return [...ofJournal, ...checkNodes({ rows, said, snapshot })];
  }

  async compare(signal: AbortSignal): Promise<readonly ComparedNode[]> {
    const { digests } = this;
    return await compareNodes({ ...this.#uses, digests }, signal);
  }

  async metrics(): Promise<NodeMetrics> {
    const { replica, router, cluster } = this.#uses;
    const extent = await inTime(cluster.journal.extent());
    this.#last = Math.max(this.#last, extent?.last ?? 0);
    const { state, commits, options } = replica;
    return {
      node: options.self.node,
      journal: options.name,
      isLeader: replica.epoch !== undefined,
      epoch: state.leader?.epoch ?? 0,
      record: state.applied,
      lastRecord: Math.max(this.#last, state.applied),
      isReachable: extent !== undefined,
      recordsApplied: commits.applied,
      forwardedWrites: router.forwarded,
      stalls: commits.stalls,
      appends: commits.appends.times,
    };
  }

  /** Asks a node, which may be this one, what it says of itself. */
  async #ask(name: string): Promise<{
    readonly name: string;
    readonly heard?: Heard | undefined;
    readonly isAway: boolean;
  }> {
    const { replica, cluster, now } = this.#uses;
    const began = now();
    const clock = performance.now();
    try {
      const status =
        name === replica.options.self.node
          ? await this.own()
          : await inTime(statusOf(cluster.messages.ask(name, encode({ do: "status" }), ASK_MS)));
      if (!status) throw new XsError("node_unreachable", `the node ${name} does not answer`);
      const half = (performance.now() - clock) / 2;
      const heard = { status, at: now(), clockMs: Math.round(status.now - began - half) };
      this.#heard.set(name, heard);
      return { name, heard, isAway: false };
    } catch (error) {
      if (!(error instanceof XsError)) throw error;
      return { name, heard: this.#heard.get(name), isAway: true };
    }
  }

  #rowOf(
    { name, heard, isAway }: { name: string; heard?: Heard | undefined; isAway: boolean },
    newest: string,
    epoch: number,
  ): NodeStatus {
    const status = heard?.status;
    const isLeader = !isAway && status?.leads === true && status.epoch === epoch;
    const isSelf = name === this.#uses.replica.options.self.node;
    return {
      kind: "node",
      name,
      role: isAway ? "away" : isLeader ? "leader" : "follower",
      epoch: status?.epoch ?? null,
      record: status?.record ?? null,
      behind: status ? Math.max(0, this.#last - status.record) : null,
      behind_ms: status && !isAway ? msBetween(status.newest, newest) : null,
      contents: status?.contents ?? null,
      content_bytes: status?.contentBytes ?? null,
      contents_elsewhere: status?.contentsElsewhere ?? null,
      disk_free_bytes: status?.diskFreeBytes ?? null,
      clock_ms: isSelf ? 0 : isAway ? null : (heard?.clockMs ?? null),
      version: status?.version ?? null,
      host: status?.host ?? null,
      address: status?.address ?? null,
      last_seen: isAway && heard ? new Date(heard.at).toISOString() : null,
      problem: isAway ? "it does not answer" : (status?.problem ?? null),
    };
  }
}

/** That the journal cannot be asked is a finding too. */
function unreachable(error: unknown): Finding[] {
  if (!(error instanceof XsError)) throw error;
  return [
    {
      ok: false,
      what: error.message,
      howToMend: "start the servers of NATS, or mend the network between them and this node",
    },
  ];
}

async function newestSnapshot(blobs: Blobs): Promise<NewestSnapshot | null> {
  let newest: NewestSnapshot | null = null;
  for await (const { name, ms } of blobs.list(SNAPSHOT_PREFIX)) {
    const record = positionIn(name);
    if (newest === null || record > newest.record) newest = { record, ms };
  }
  return newest;
}

async function statusOf(answer: Promise<Uint8Array>): Promise<OwnStatus> {
  const { value } = valueIn(decode<Reply>(await answer));
  return value as OwnStatus;
}

/** What comes in time; undefined where nothing does, or the journal is out of reach. */
async function inTime<T>(asked: Promise<T>): Promise<T | undefined> {
  const failed = (error: unknown): undefined => {
    if (!(error instanceof XsError)) throw error;
    return undefined;
  };
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ASK_MS);
  try {
    return await Promise.race([asked.catch(failed), promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function diskFree(path: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    return null;
  }
}

function msBetween(one: string, newest: string): number | null {
  if (one === "" || newest === "") return null;
  return Math.max(0, timestampOf(newest) - timestampOf(one));
}

function msOf(seconds: number | undefined): number | null {
  return seconds === undefined ? null : Math.round(seconds * 1_000_000) / 1000;
}
