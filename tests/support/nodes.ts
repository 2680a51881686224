import { Node } from "../../src/nodes/node.ts";
import { encode } from "../../src/nodes/operations.ts";
import type { Cluster } from "../../src/store/journal/journal.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";

/** The cluster key of tests. */
export const KEY = new Uint8Array(32).fill(7);

/** Opens a directory as a node of a store, in this process. */
export function openNode(
  path: string,
  cluster: Cluster,
  { node, now }: { readonly node: string; readonly now?: (() => number) | undefined },
): Node {
  const store = openSqliteStore(path, now, undefined, {
    name: "test",
    journal: cluster.journal,
    blobs: cluster.blobs,
    key: KEY,
    self: { node, run: crypto.randomUUID() },
    tell: (told) => cluster.messages.tell(encode(told)),
  });
  if (!store) throw new Error(`${path} is locked`);
  return new Node({ store, cluster, ...(now && { now }) });
}
