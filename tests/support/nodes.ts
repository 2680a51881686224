import { Node, type NodeUses } from "../../src/nodes/node.ts";
import { decode, encode } from "../../src/nodes/operations.ts";
import type { Cluster } from "../../src/store/journal/journal.ts";
import type { SqliteStore } from "../../src/store/sqlite/engine.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import type { Told } from "../../src/store/sqlite/replica/ephemerals.ts";
import type { Replica } from "../../src/store/sqlite/replica/replica.ts";

/** The cluster key of tests. */
export const KEY = new Uint8Array(32).fill(7);

interface Opening extends Pick<NodeUses, "content" | "timing"> {
  readonly node: string;
  readonly now?: (() => number) | undefined;
  /** See `ReplicaOptions`. */
  readonly stallMs?: number;
}

/** Opens a directory as a node of a store, in this process. */
export function openNode(path: string, cluster: Cluster, opening: Opening): Node {
  const store = openDirectory(path, cluster, opening);
  const { now, content, timing } = opening;
  return new Node({
    store,
    cluster,
    ...(content && { content }),
    ...(now && { now }),
    ...(timing && { timing }),
  });
}

/** A directory that follows a journal, and leads when it is told to: a node without an election. */
export interface TestReplica {
  readonly store: SqliteStore;
  readonly replica: Replica;
  close(): Promise<void>;
}

/** Opens a directory that follows a journal. */
export function openReplica(path: string, cluster: Cluster, opening: Opening): TestReplica {
  const store = openDirectory(path, cluster, opening);
  const { replica } = store;
  if (!replica) throw new Error("the store has no journal");
  const { commits, state, options } = replica;
  cluster.messages.hear((body) => {
    const told = decode<Told>(body);
    if (told.run !== options.self.run) replica.hear(told);
  });
  const following = cluster.journal.follow(state.applied, (position, bytes) =>
    commits.take(position, bytes),
  );
  following.ended.catch((error: Error) => store.stopFor(error));
  return {
    store,
    replica,
    async close() {
      following.stop();
      await store.close();
      await cluster.close();
    },
  };
}

function openDirectory(
  path: string,
  { journal, blobs, messages }: Cluster,
  { node, now, stallMs }: Opening,
): SqliteStore {
  const store = openSqliteStore(path, now, undefined, {
    name: "test",
    journal,
    blobs,
    key: KEY,
    self: { node, run: crypto.randomUUID() },
    tell: (told) => messages.tell(encode(told)),
    ...(stallMs !== undefined && { stallMs }),
  });
  if (!store) throw new Error(`${path} is locked`);
  return store;
}
