import { copyFileSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { hasNats, NatsServers } from "../tests/support/nats.ts";
import { type Server, serveStore } from "./processes.ts";
import type { Setup } from "./setup.ts";

/** One store on three machines, all of them this one. */
export interface Nodes {
  /** The ports of the NATS servers. */
  readonly ports: number[];
  /** The node that leads, and one that does not. */
  readonly leader: Server;
  readonly follower: Server;
}

/** Whether they can be started here. */
export { hasNats };

/** Starts three NATS servers that sync each message, and three nodes, for as long as something is measured. */
export async function withNodes<T>(
  setup: Setup,
  measure: (nodes: Nodes) => Promise<T>,
): Promise<T> {
  const home = resolve(setup.fresh());
  mkdirSync(home, { recursive: true });
  const nats = await NatsServers.start(3, { home: () => home });
  const kill = () => {
    for (const i of nats.ports.keys()) void nats.kill(i);
  };
  process.on("exit", kill);
  const nodes: Server[] = [];
  const start = async (node: string) => {
    const directory = setup.fresh();
    mkdirSync(directory);
    if (first) copyFileSync(join(first, KEY), join(directory, KEY));
    first ||= directory;
    const server = await serveStore(directory, "--journal", nats.url("bench"), "--node", node);
    nodes.push(server);
    return server;
  };
  let first = "";
  try {
    const leader = await start("a");
    await leads(leader);
    const follower = await start("b");
    await start("c");
    return await measure({ ports: nats.ports, leader, follower });
  } finally {
    for (const node of nodes) await node.stop();
    await nats[Symbol.asyncDispose]();
    process.off("exit", kill);
  }
}

const KEY = "cluster-key";

/** Waits until a node takes a write. */
async function leads({ unix }: Server): Promise<void> {
  const options = { unix, method: "POST" };
  const response = await fetch("http://localhost/stream/begun", options);
  if (!response.ok) throw new Error(await response.text());
}
