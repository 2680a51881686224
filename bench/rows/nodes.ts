import { hasNats, type Nodes, withNodes } from "../nodes.ts";
import { job, type Server } from "../processes.ts";
import type { Group, Setup } from "../setup.ts";
import { inTurn } from "../statistics.ts";
import type { Row } from "../table.ts";
import { timed } from "./processors.ts";

const HANDLER = `let n = 0; export default { topics: ["note"], start: "first", run: () => ({ out: { n: ++n } }) }`;

/** What is measured of one store on three nodes, all on this machine with three servers of NATS. */
interface NodeMeasure {
  readonly name: string;
  readonly what: string;
  prepare?(nodes: Nodes, setup: Setup): Promise<void>;
  /** Resolves to events a second. @param round counts the measurements, from 1 */
  run(nodes: Nodes, setup: Setup, round: number): Promise<number>;
}

const measures: readonly NodeMeasure[] = [
  {
    name: "nodes-append1",
    what: "append, 1 writer",
    run: ({ leader }, setup) => appends(leader, 1, setup.count(1000)),
  },
  {
    name: "nodes-append64",
    what: "append, 64 writers",
    run: ({ leader }, setup) => appends(leader, 64, setup.count(20_000)),
  },
  {
    name: "nodes-append256",
    what: "append, 256 writers",
    run: ({ leader }, setup) => appends(leader, 256, setup.count(40_000)),
  },
  {
    name: "nodes-keys64",
    what: "append with an Idempotency-Key, 64 writers",
    run: ({ leader }, setup) => appends(leader, 64, setup.count(20_000), true),
  },
  {
    name: "nodes-forward64",
    what: "append, 64 writers at a node that does not lead",
    run: ({ follower }, setup) => appends(follower, 64, setup.count(20_000)),
  },
  {
    name: "nodes-steps",
    what: "TypeScript handler that writes a frame for each",
    prepare: ({ leader }, setup) => fill(leader, setup.count(20_000)),
    run: ({ leader }, setup, round) => steps(leader, `emit${round}`, setup.count(20_000)),
  },
];

export const nodeGroups: readonly Group[] = measures.map(({ name, what, prepare, run }) => ({
  name,
  async run(setup) {
    if (!hasNats) return [];
    return await withNodes(setup, async (nodes) => {
      await prepare?.(nodes, setup);
      let round = 0;
      const [value, floor] = await inTurn(
        setup.rounds,
        () => run(nodes, setup, ++round),
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
}));

/** The same measurements, for a comparison of binaries. Each starts its nodes anew. */
export const nodeMeasures: ReadonlyMap<string, (setup: Setup) => Promise<number[]>> = new Map(
  measures.map(({ name, prepare, run }) => [
    name,
    async (setup) => {
      if (!hasNats) return [];
      return await withNodes(setup, async (nodes) => {
        await prepare?.(nodes, setup);
        return [await run(nodes, setup, 1)];
      });
    },
  ]),
);

async function appends(
  { unix }: Server,
  clients: number,
  count: number,
  keys = false,
): Promise<number> {
  const input = { unix, clients, count, warmUp: Math.ceil(count / 10), content: 0, keys };
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
