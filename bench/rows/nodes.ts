import { hasNats, type Nodes, withNodes } from "../nodes.ts";
import { job, type Server } from "../processes.ts";
import type { Group, Setup } from "../setup.ts";
import { inTurn } from "../statistics.ts";
import type { Row } from "../table.ts";
import { timed } from "./processors.ts";

const HANDLER = `let n = 0; export default { topics: ["note"], start: "first", run: () => ({ out: { n: ++n } }) }`;

/** One store on three nodes, with NATS on three servers, all on this machine. */
export const nodeGroups: readonly Group[] = [
  group("nodes-append1", "append, 1 writer", ({ leader }, setup) =>
    appends(leader, 1, setup.count(1000)),
  ),
  group("nodes-append64", "append, 64 writers", ({ leader }, setup) =>
    appends(leader, 64, setup.count(20_000)),
  ),
  group("nodes-append256", "append, 256 writers", ({ leader }, setup) =>
    appends(leader, 256, setup.count(40_000)),
  ),
  group("nodes-forward64", "append, 64 writers at a node that does not lead", (nodes, setup) =>
    appends(nodes.follower, 64, setup.count(20_000)),
  ),
  group(
    "nodes-steps",
    "TypeScript handler that writes a frame for each",
    ({ leader }, setup, round) => steps(leader, `emit${round}`, setup.count(20_000)),
    ({ leader }, setup) => fill(leader, setup.count(20_000)),
  ),
];

function group(
  name: string,
  what: string,
  measure: (nodes: Nodes, setup: Setup, round: number) => Promise<number>,
  prepare: (nodes: Nodes, setup: Setup) => Promise<void> = async () => {},
): Group {
  return {
    name,
    async run(setup) {
      if (!hasNats) return [];
      return await withNodes(setup, async (nodes) => {
        await prepare(nodes, setup);
        let round = 0;
        const [value, floor] = await inTurn(
          setup.rounds,
          () => measure(nodes, setup, ++round),
          () => job("jetstream", { ports: nodes.ports, count: setup.count(1000) }),
        );
        const row: Row = {
          name: `three nodes: ${what}`,
          unit: "/s",
          value,
          floorName: "JetStream, 200 bytes to 3 replicas, one by one",
          floor,
        };
        return [row];
      });
    },
  };
}

async function appends({ unix }: Server, clients: number, count: number): Promise<number> {
  const input = { unix, clients, count, warmUp: Math.ceil(count / 10), content: 0 };
  return (await job("post", input)).perSecond;
}

async function fill({ unix }: Server, frames: number): Promise<void> {
  const body = '{"topic":"note","meta":{"n":1}}\n'.repeat(1000);
  for (let n = 0; n < frames; n += 1000) {
    const response = await fetch("http://localhost/stream", { unix, method: "POST", body });
    if (!response.ok) throw new Error(await response.text());
  }
}

/** Frames a second through a handler that writes one for each. */
async function steps(server: Server, name: string, frames: number): Promise<number> {
  const isLast = ({ meta }: { meta: unknown }) => (meta as { n: number }).n === frames;
  return frames / (await timed(server, name, HANDLER, `${name}.out`, isLast));
}
