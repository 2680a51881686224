import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ContentPolicy } from "../store/content-policy.ts";
import { CLUSTER_KEY, NODE_NAME } from "../store/is-store.ts";
import type { Cluster } from "../store/journal/journal.ts";
import { requireDurable } from "../store/journal/nats/durability.ts";
import { openNats } from "../store/journal/nats/open.ts";
import { parseNatsUrl } from "../store/journal/nats/url.ts";
import type { MigrationListener } from "../store/migration.ts";
import { LateCluster } from "./late-cluster.ts";
import type { Node } from "./node.ts";
import { checkFits, openNode } from "./open-node.ts";

/** How a directory becomes a node of the store that a URL names. */
export interface JournalOptions {
  /** `nats://HOST,HOST,HOST/NAME`, see `parseNatsUrl`. */
  readonly journal: string;
  /** The name of the node, where one is asked for. */
  readonly node: string | undefined;
  /** How much of the large content it has; default: all. */
  readonly content?: ContentPolicy | undefined;
  /** Starts also where the journal may lose what it acknowledged, or cannot be asked. */
  readonly unsafe?: boolean;
  /** Receives sentences for whoever runs it: that something is wrong, or only news. */
  readonly report?: ((message: string, isNews?: boolean) => void) | undefined;
  readonly migration?: MigrationListener;
  /** Receives why the journal is out of reach, where the node starts without it; undefined once it is there. */
  readonly late?: (problem: string | undefined) => void;
}

/** How long a node that has the store already waits for its journal before it starts without, in ms. */
const PATIENCE_MS = 3000;

/**
 * Opens a directory as a node of the store whose journal a URL names. Resolves to undefined where another process has it
 * open. A directory that was a node before opens also while the journal is out of reach: what it has can be read.
 *
 * @throws XsError as `openNats` and `openNode`; `journal_unsafe` where the journal is not durable
 */
export async function openOnJournal(
  directory: string,
  { journal, unsafe = false, late = () => {}, ...options }: JournalOptions,
): Promise<Node | undefined> {
  const { name } = parseNatsUrl(journal);
  const isKnown = [NODE_NAME, CLUSTER_KEY].every((file) => existsSync(join(directory, file)));
  let node: Node | undefined;
  const connect = async () => {
    const cluster = await openNats(journal);
    try {
      if (!unsafe) requireDurable(await cluster.check(), isKnown);
      if (node) checkFits(node.replica.state.applied, await cluster.journal.extent(), directory);
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  };
  const cluster = isKnown ? await connectLate(connect) : await connect();
  try {
    node = await openNode(directory, { ...options, name, cluster });
  } catch (error) {
    await cluster.close();
    throw error;
  }
  if (!node) await cluster.close();
  else if (cluster instanceof LateCluster) follow(node, cluster, late);
  return node;
}

/** Connects or, where that takes long, resolves to a cluster that does so later. */
async function connectLate(connect: () => Promise<Cluster>): Promise<Cluster> {
  const cluster = new LateCluster(connect);
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
  try {
    return (await Promise.race([cluster.connected, promise])) ?? cluster;
  } finally {
    clearTimeout(timer);
  }
}

function follow(
  node: Node,
  cluster: LateCluster,
  late: (problem: string | undefined) => void,
): void {
  late(cluster.problem?.message);
  cluster.connected.then(
    () => late(undefined),
    (error: Error) => {
      if (!node.isClosed) node.engine.stopFor(error);
    },
  );
}
