import type { NatsServers } from "../../support/nats.ts";
import type { Random } from "../../support/random.ts";
import type { RealNodes } from "../../support/real-nodes.ts";
import { until } from "../../support/wait.ts";
import type { AnyNode } from "./any-node.ts";

export const KINDS = [
  "node killed",
  "NATS server killed",
  "node frozen",
  "NATS server frozen",
] as const;
export type Kind = (typeof KINDS)[number];

/** What is attacked. */
export interface Target {
  readonly nodes: RealNodes;
  readonly nats: NatsServers;
  /** The stream of the journal. */
  readonly stream: string;
}

/** How long a leader is frozen at least, in ms: others notice within three probes, and NATS elects in 4 to 9 s. */
const FROZEN_MS = { node: 1000, nats: 6000 };

/** Attacks whoever leads, and waits until all is as before and writes go on. */
export async function attack(
  kind: Kind,
  { nodes, nats, stream }: Target,
  clients: AnyNode,
  random: Random,
): Promise<void> {
  const epoch = nodes.newest?.leader?.epoch ?? 0;
  switch (kind) {
    case "node killed": {
      const at = await nodes.leader();
      await nodes.stop(at, "SIGKILL");
      // Now and then it is back before the others notice.
      await Bun.sleep(random.next() * 3000);
      await nodes.start(at);
      break;
    }
    case "node frozen": {
      const at = await nodes.leader();
      nodes.freeze(at);
      try {
        await nodes.leader(epoch);
        await Bun.sleep(random.next() * FROZEN_MS.node);
      } finally {
        nodes.thaw(at);
      }
      break;
    }
    case "NATS server killed": {
      const at = await nats.leaderOf(stream);
      await nats.kill(at);
      await Bun.sleep(random.next() * 4000);
      await nats.start(at);
      break;
    }
    case "NATS server frozen": {
      const at = await nats.leaderOf(stream);
      nats.freeze(at);
      try {
        await Bun.sleep(FROZEN_MS.nats * (1 + random.next()));
      } finally {
        nats.thaw(at);
      }
      break;
    }
  }
  await writesGoOn(clients);
  await Bun.sleep(random.next() * 1000);
}

/** Waits until clients get answers to what they have asked from now on. */
export async function writesGoOn(clients: AnyNode): Promise<void> {
  const since = performance.now();
  await until("writes go on", () => {
    const fresh = clients.given.findLastIndex(({ start }) => start > since);
    return clients.isOver || fresh >= 20;
  });
}
