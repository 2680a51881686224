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
  /** The clock, in ms. */
  readonly now?: () => number;
}

/**
 * Opens a directory as a node of a store. Resolves to undefined where another process has it open.
 *
 * @throws XsError as `openSqliteStore`; `journal_unreachable`, `journal_unsafe`, `journal_damaged`
 */
export async function openNode(directory: string, options: NodeOptions): Promise<Node | undefined> {
  const { name, migration, now, content = "all" } = options;
  const { journal, blobs, problem } = options.cluster;
  const node = nodeName(directory, options.node);
  // One that comes late is checked when it comes.
  const extent = problem ? undefined : await journal.extent();
  const key = clusterKey(directory, extent?.last === 0);
  const messages = sealedMessages(options.cluster.messages, key);
  const cluster = over(options.cluster, { messages });
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
    keepNodeName(directory, node);
    keepClusterKey(directory, key);
    if (extent) checkFits(store.replica?.state.applied ?? 0, extent, directory);
    return new Node({ store, cluster, content, ...(now && { now }) });
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
