import { XsError } from "../core/error.ts";
import { over } from "../lib/over.ts";
import type { ContentPolicy } from "../store/content-policy.ts";
import type { Cluster } from "../store/journal/journal.ts";
import type { MigrationListener } from "../store/migration.ts";
import { openSqliteStore } from "../store/sqlite/open.ts";
import { clusterKey, keepClusterKey } from "./cluster-key.ts";
import { Node } from "./node.ts";
import { keepNodeName, nodeName } from "./node-name.ts";
import { encode } from "./operations.ts";
import { sealedMessages } from "./sealed-messages.ts";
import { SNAPSHOT_TIMES, type SnapshotTimes } from "./snapshots/keeper.ts";
import { moveIn } from "./snapshots/move-in.ts";
import { isMovingIn, prepareDirectory } from "./snapshots/prepare.ts";

/** How a directory becomes a node. */
export interface NodeOptions {
  /** The name of the journal. */
  readonly name: string;
  readonly cluster: Cluster;
  /** The name of the node, where one is asked for. */
  readonly node?: string | undefined;
  /** How much of the large content it has; default: all. */
  readonly content?: ContentPolicy | undefined;
  readonly migration?: MigrationListener;
  /** When it makes snapshots. */
  readonly snapshots?: SnapshotTimes;
  /** Receives sentences for whoever runs it. */
  readonly report?: ((message: string) => void) | undefined;
  /** The clock, in ms. */
  readonly now?: () => number;
}

/**
 * Opens a directory as a node of a store. Resolves to undefined where another process has it open.
 *
 * @throws XsError as `openSqliteStore`; `journal_unreachable`, `journal_unsafe`, `journal_damaged`
 */
export async function openNode(directory: string, options: NodeOptions): Promise<Node | undefined> {
  const { name, migration, now, content = "all", report = () => {} } = options;
  const { snapshots = SNAPSHOT_TIMES } = options;
  const { journal, blobs, problem } = options.cluster;
  const node = nodeName(directory, options.node);
  // One that comes late is checked when it comes.
  const extent = problem ? undefined : await journal.extent();
  const key = clusterKey(directory, extent?.last === 0);
  const messages = sealedMessages(options.cluster.messages, key);
  const cluster = over(options.cluster, { messages });
  const begins = () => {
    keepNodeName(directory, node);
    keepClusterKey(directory, key);
  };
  if (!extent && isMovingIn(directory)) throw problem;
  const movesIn =
    extent !== undefined &&
    (await prepareDirectory(directory, { name, extent, key, cluster, report, begins }));
  const store = openSqliteStore(directory, now, migration, {
    name,
    journal,
    blobs,
    key,
    self: { node, run: crypto.randomUUID() },
    tell: (told) => messages.tell(encode(told)),
  });
  if (!store) return undefined;
  try {
    if (extent) checkFits(store.replica?.state.applied ?? 0, extent, directory);
    begins();
    if (movesIn) await moveIn(store, blobs);
    return new Node({ store, cluster, content, snapshots, ...(now && { now }) });
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** @throws XsError `journal_damaged` where the directory has more than the journal */
export function checkFits(
  applied: number,
  { last }: { readonly last: number },
  directory: string,
): void {
  if (applied <= last) return;
  throw new XsError(
    "journal_damaged",
    `${directory} has the records up to ${applied}, and the journal ends at ${last}: it was replaced, or has lost records; name the right one, or see docs/nodes.md for how to go on from this directory`,
  );
}
