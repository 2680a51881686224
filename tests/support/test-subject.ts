import { join } from "node:path";
import { api } from "../../src/api/api.ts";
import { type Listener, listen } from "../../src/api/listen.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import { version } from "../../src/version.ts";
import { MemoryNet } from "./memory-cluster.ts";
import { NatsServers } from "./nats.ts";
import { openNode } from "./nodes.ts";
import { seedFrom } from "./random.ts";
import { RealNodes } from "./real-nodes.ts";
import { tempDirectory } from "./temp.ts";
import { until } from "./wait.ts";

/**
 * What the suite of the contract tries, as `XS_TEST_SUBJECT` says: a store on one machine; two nodes in memory; one
 * node, or two, on a real server of NATS. `follower` is for that of the command line, see `startServer`.
 */
export const TEST_SUBJECT = subjectNamed(process.env.XS_TEST_SUBJECT ?? "local");

function subjectNamed(name: string) {
  const subjects = ["local", "memory", "one-node", "two-nodes", "follower"] as const;
  const found = subjects.find((each) => each === name);
  if (found) return found;
  throw new Error(`XS_TEST_SUBJECT=${name} is not one of ${subjects.join(", ")}`);
}

/** The sockets of the nodes that a suite asks. */
export interface SubjectNodes extends AsyncDisposable {
  readonly leader: string;
  /** The same one, where there is no other. */
  readonly other: string;
}

/** Starts the nodes of the subject. */
export function startSubjectNodes(): Promise<SubjectNodes> {
  return TEST_SUBJECT === "memory" ? inMemory() : onNats(TEST_SUBJECT === "one-node" ? 1 : 2);
}

async function onNats(count: number): Promise<SubjectNodes> {
  const nats = await NatsServers.start(1);
  const nodes = await RealNodes.start({ journal: () => nats.url("subject"), count });
  const leader = await nodes.leader();
  return {
    leader: nodes.server(leader).unix,
    other: nodes.server(count === 1 ? 0 : 1 - leader).unix,
    async [Symbol.asyncDispose]() {
      await nodes[Symbol.asyncDispose]();
      await nats[Symbol.asyncDispose]();
    },
  };
}

async function inMemory(): Promise<SubjectNodes> {
  const home = tempDirectory();
  // With a delay, a record may be faster than an ephemeral frame before it, which another node then leaves out.
  const net = new MemoryNet({ seed: seedFrom("XS_NODES_SEED"), delayMs: 0 });
  const nodes = ["a", "b"].map((node) => openNode(join(home.path, node), net.cluster(), { node }));
  const listeners: Listener[] = [];
  for (const { store, router } of nodes) {
    const context = { records: router, appendsDue: true, server: () => ({}), processors: () => [] };
    listeners.push(await listen(store.path, api(store, context)));
  }
  const leading = await until("one leads", () => nodes.find(({ epoch }) => epoch !== undefined));
  leading.store.startSchedules();
  const meta = JSON.stringify({ version, pid: process.pid });
  await leading.store.append({
    topic: "stream.cross.start",
    meta,
    ttl: FOREVER,
    content: null,
  });
  const at = nodes.indexOf(leading);
  return {
    leader: listeners[at]?.address ?? "",
    other: listeners[1 - at]?.address ?? "",
    async [Symbol.asyncDispose]() {
      for (const { store } of nodes) store.endReads();
      for (const listener of listeners) await listener.stop(0);
      for (const { store } of nodes) await store.close();
      home[Symbol.dispose]();
    },
  };
}
