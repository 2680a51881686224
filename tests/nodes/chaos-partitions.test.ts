// Three machines, each with a node and a NATS server in network namespaces of their own, and networks that fall apart.
import { describe, expect, setDefaultTimeout } from "bun:test";
import { missingNamespaces, Network } from "../support/namespaces.ts";
import { NatsServers } from "../support/nats.ts";
import { natsTest } from "../support/nats-test.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { RealNodes } from "../support/real-nodes.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { writesGoOn } from "./chaos/attacks.ts";
import { Campaign } from "./chaos/campaign.ts";

/** Partitions in all: of each kind in turn. */
const PARTITIONS = setting("XS_CHAOS_PARTITIONS", 2);
const SEED = seedFrom("XS_CHAOS_SEED");
/** How long one lasts at least after writes go on, in ms. */
const CUT_MS = 3000;
const STREAM = "XS_chaos";

setDefaultTimeout(TEST_MS * (1 + PARTITIONS));

const missing = missingNamespaces();

/** The namespaces of the servers are 0 to 2, those of the nodes 3 to 5: node i stands beside server i. */
const nodeAt = (i: number): number => 3 + i;

interface Where {
  readonly network: Network;
  /** The node that leads, and the server that leads the stream. */
  readonly leader: number;
  readonly streamLeader: number;
}

const others = (i: number): [number, number] => [(i + 1) % 3, (i + 2) % 3];

/** The kinds of partitions, with the node that cannot write while it lasts. */
const KINDS: Record<string, (where: Where) => number | undefined> = {
  "the leader is with the minority": ({ network, leader }) => {
    const [one, other] = others(leader);
    network.split([leader, nodeAt(leader)], [one, other, nodeAt(one), nodeAt(other)]);
    return leader;
  },
  "the leader of the stream is with the minority": ({ network, streamLeader }) => {
    const [one, other] = others(streamLeader);
    network.split([streamLeader, nodeAt(streamLeader)], [one, other, nodeAt(one), nodeAt(other)]);
    return streamLeader;
  },
  "the leader is cut off from NATS alone": ({ network, leader }) => {
    for (const server of [0, 1, 2]) network.cut(nodeAt(leader), server);
    return leader;
  },
  "the nodes are cut off from each other alone": ({ network }) => {
    for (const i of [0, 1, 2]) network.cut(nodeAt(i), nodeAt((i + 1) % 3));
    return undefined;
  },
  "each node reaches its own server alone": ({ network }) => {
    for (const i of [0, 1, 2]) for (const j of others(i)) network.cut(nodeAt(i), j);
    return undefined;
  },
  "two servers do not reach each other": ({ network, streamLeader }) => {
    network.cut(streamLeader, others(streamLeader)[0]);
    return undefined;
  },
};

describe.skipIf(missing !== undefined)(`partitions${missing ? ` (${missing})` : ""}`, () => {
  natsTest("whoever is cut off, nothing is lost or doubled, and the others write on", async () => {
    report(`XS_CHAOS_PARTITIONS=${PARTITIONS} XS_CHAOS_SEED=${SEED}`, []);
    const random = new Random(SEED);
    using network = new Network(6);
    await using nats = await NatsServers.start(3, {
      at: (i) => ({ host: network.host(i), under: network.under(i) }),
    });
    await using nodes = await RealNodes.start({
      journal: () => nats.url("chaos"),
      server: (i) => ({ under: network.under(nodeAt(i)) }),
    });
    await using campaign = await Campaign.begin(nodes, random);
    const kinds = Object.entries(KINDS);
    for (let n = 0; n < PARTITIONS; n++) {
      const [[kind, apply] = never()] = kinds.slice(n % kinds.length);
      await campaign.round(async (clients) => {
        await writesGoOn(clients);
        const since = performance.now();
        const leader = await nodes.leader();
        const cutOff = apply({ network, leader, streamLeader: await nats.leaderOf(STREAM) });
        try {
          await writesGoOn(clients);
          const resumed = Math.round(performance.now() - since);
          await Bun.sleep(CUT_MS * (1 + random.next()));
          await writesGoOn(clients);
          if (cutOff !== undefined) await refuses(nodes, cutOff);
          report(`${kind}: 20 writes after ${resumed} ms`, []);
        } finally {
          network.heal();
        }
        await writesGoOn(clients);
      });
    }
    await campaign.finish();
    const shown = Object.entries(campaign.counts).map(([name, count]) => `${name}: ${count}`);
    report(shown.join(", "), ["lost, doubled: 0"]);
  });
});

function never(): never {
  throw new Error("there is no such kind");
}

/** A node that is cut off says so, and reads go on. */
async function refuses(nodes: RealNodes, i: number): Promise<void> {
  const server = nodes.server(i);
  await until("it refuses", async () => {
    const response = await server.fetch("/stream/cut-off", { method: "POST" });
    const { code } = (await response.json()) as { code?: string };
    return response.status === 503 && ["journal_unreachable", "not_leader"].includes(code ?? "");
  });
  expect((await server.frames()).length).toBeGreaterThan(0);
}
