import { existsSync } from "node:fs";
import { join } from "node:path";
import { XsError } from "../core/error.ts";
import { over } from "../lib/over.ts";
import type { ContentPolicy } from "../store/content-policy.ts";
import { isStore, NODE_NAME } from "../store/is-store.ts";
import type { Cluster, Messages } from "../store/journal/journal.ts";
import type { MigrationListener } from "../store/migration.ts";
import { tryLock } from "../store/sqlite/lock.ts";
import { openSqliteStore } from "../store/sqlite/open.ts";
import { clusterKey, keepClusterKey } from "./cluster-key.ts";
import { Node } from "./node.ts";
import { keepNodeName, nodeName } from "./node-name.ts";
import { decode, encode, type Reply, valueIn } from "./operations.ts";
import type { OwnStatus } from "./own-status.ts";
import { sealedMessages } from "./sealed-messages.ts";
import { SNAPSHOT_TIMES, type SnapshotTimes } from "./snapshots/keeper.ts";
import { moveIn } from "./snapshots/move-in.ts";
import { isMovingIn, prepareDirectory } from "./snapshots/prepare.ts";

/** How long a node with the same name may take to answer, in ms. */
const NAME_MS = 1000;

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
  /** Receives sentences for whoever runs it: that something is wrong, or only news. */
  readonly report?: ((message: string, isNews?: boolean) => void) | undefined;
  /** The clock, in ms. */
  readonly now?: () => number;
}

/**
 * Opens a directory as a node of a store. Resolves to undefined where another process has it open.
 *
 * @throws XsError as `openSqliteStore`; `journal_unreachable`, `journal_unsafe`, `journal_damaged`; `bad_option` where
 *   a node with its name answers already
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
  const twin = await machineOf(node, messages);
  if (twin !== undefined) {
    if (isServed(directory)) return undefined;
    throw nameTaken(directory, node, twin);
  }
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

/** The machine where a node with a name answers; undefined where none does. */
async function machineOf(node: string, messages: Messages): Promise<string | undefined> {
  try {
    const answer = await messages.ask(node, encode({ do: "status" }), NAME_MS);
    return (valueIn(decode<Reply>(answer)).value as OwnStatus).host;
  } catch (error) {
    if (!(error instanceof XsError)) throw error;
    return undefined;
  }
}

/** Whether another process has the store of a directory open. */
function isServed(directory: string): boolean {
  if (!isStore(directory)) return false;
  const lock = tryLock(directory);
  lock?.release();
  return lock === undefined;
}

/** Two nodes with one name would take the lead from each other without end. */
function nameTaken(directory: string, node: string, machine: string): XsError {
  const isKept = existsSync(join(directory, NODE_NAME));
  return new XsError(
    "bad_option",
    `a node named ${node} answers already, on the machine ${machine}: ${
      isKept
        ? `where this directory is a copy of its directory, delete the file ${join(directory, NODE_NAME)} and choose another name by --node`
        : "choose another name by --node"
    }`,
  );
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
    `${directory} has the records up to ${applied}, and the journal ends at ${last}: it was replaced, or has lost records, as when the power of all its servers fails. Nothing was changed: name the right journal, or bring back what this directory has, as docs/nodes.md says under "The journal has lost records"`,
  );
}
