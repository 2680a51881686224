// Kills and freezes whoever leads, of the nodes and of the NATS servers, under 32 writers on all nodes.
import { expect, setDefaultTimeout } from "bun:test";
import { Home } from "../cli/run-xs.ts";
import { NatsServers } from "../support/nats.ts";
import { natsTest } from "../support/nats-test.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { RealNodes } from "../support/real-nodes.ts";
import { TEST_MS } from "../support/wait.ts";
import { attack, KINDS, type Kind } from "./chaos/attacks.ts";
import { Campaign } from "./chaos/campaign.ts";

/** SIGKILLs of each leader, and freezes of each. */
const KILLS = setting("XS_CHAOS_KILLS", 1);
const FREEZES = setting("XS_CHAOS_FREEZES", 1);
const SEED = seedFrom("XS_CHAOS_SEED");
/** So many attacks between two comparisons, and on one store. */
const OF_A_ROUND = 4;
const OF_A_STORE = 40;

setDefaultTimeout(TEST_MS * Math.ceil((KILLS + FREEZES) / 2));

natsTest(
  "leaders killed and frozen under 32 writers: nothing is lost, doubled or out of order",
  async () => {
    report(`XS_CHAOS_KILLS=${KILLS} XS_CHAOS_FREEZES=${FREEZES} XS_CHAOS_SEED=${SEED}`, []);
    const random = new Random(SEED);
    const attacks = planned(random);
    const counts: Record<string, number> = {};
    for (let from = 0; from < attacks.length; from += OF_A_STORE) {
      await onOneStore(attacks.slice(from, from + OF_A_STORE), random.fork(), counts);
    }
    report(
      KINDS.map((kind) => `${kind}: ${attacks.filter((one) => one === kind).length}`).join(", "),
      [
        Object.entries(counts)
          .map(([name, count]) => `${name}: ${count}`)
          .join(", "),
        "lost, doubled: 0",
      ],
    );
  },
);

function planned(random: Random): Kind[] {
  const left = KINDS.flatMap((kind) =>
    Array.from({ length: kind.endsWith("killed") ? KILLS : FREEZES }, () => kind),
  );
  const attacks: Kind[] = [];
  while (left.length > 0) attacks.push(...left.splice(random.below(left.length), 1));
  return attacks;
}

async function onOneStore(
  attacks: readonly Kind[],
  random: Random,
  counts: Record<string, number>,
): Promise<void> {
  await using nats = await NatsServers.start(3);
  await using nodes = await RealNodes.start({ journal: () => nats.url("chaos") });
  await using campaign = await Campaign.begin(nodes, random);
  const target = { nodes, nats, stream: "XS_chaos" };
  for (let from = 0; from < attacks.length; from += OF_A_ROUND) {
    await campaign.round(async (clients) => {
      for (const kind of attacks.slice(from, from + OF_A_ROUND)) {
        const since = performance.now();
        await attack(kind, target, clients, random);
        report(`${kind}: ${Math.round(performance.now() - since)} ms`, []);
      }
    });
  }
  await campaign.finish();
  using home = new Home();
  for (const i of nodes.all) {
    expect(await nodes.stop(i, "SIGTERM")).toBe(0);
    expect(await home.ok(["verify", nodes.directory(i)])).toBe("");
  }
  for (const [name, count] of Object.entries(campaign.counts)) {
    counts[name] = name.startsWith("slowest")
      ? Math.max(counts[name] ?? 0, count)
      : (counts[name] ?? 0) + count;
  }
}
