import { job, serveNothing, serveStore } from "../processes.ts";
import type { Group, Setup } from "../setup.ts";
import type { Row } from "../table.ts";

export const latency: Group = {
  name: "latency",
  async run(setup) {
    const count = setup.count(10_000);
    const warmUp = setup.count(2000);
    const server = await serveStore(setup.fresh());
    const xs = await job("latency", { unix: server.unix, count, warmUp });
    await server.stop();
    const nothing = await serveNothing(setup.nothing, setup.fresh());
    const ok = await job("post", { unix: nothing.unix, clients: 1, count, warmUp, content: 0 });
    await nothing.stop();
    const row = (share: "p50" | "p99"): Row => ({
      name: `append to follower, ${share}`,
      unit: "ms",
      value: xs[share],
      floorName: `"ok" round trip, ${share}`,
      floor: ok[share],
    });
    return [row("p50"), row("p99")];
  },
};

export const followers: Group = {
  name: "followers",
  async run(setup) {
    const few = await crowd(setup, setup.count(1000), 500);
    const [open, deliveries, memory] = await crowd(setup, setup.count(10_000), 100);
    return [
      ...few,
      { ...open, limit: 3000 },
      { ...deliveries, leastValue: 150_000 },
      { ...memory, limit: 200 },
    ];
  },
};

async function crowd(setup: Setup, many: number, appends: number): Promise<[Row, Row, Row]> {
  const server = await serveStore(setup.fresh());
  const input = { followers: many, appends };
  const xs = await job("followers", { unix: server.unix, pid: server.pid, ...input });
  await server.stop();
  const nothing = await serveNothing(setup.nothing, setup.fresh());
  const floor = await job("followers", { unix: nothing.unix, pid: nothing.pid, ...input });
  await nothing.stop();
  const name = `${many.toLocaleString("en-US")} followers`;
  const floorName = "`Bun.serve` that passes a line on";
  return [
    {
      name: `${name}: all at their threshold after`,
      unit: "ms",
      value: xs.openSeconds * 1000,
      floorName,
      floor: floor.openSeconds * 1000,
    },
    {
      name: `${name}: deliveries of ${appends} appends`,
      unit: "/s",
      value: xs.deliveriesPerSecond,
      floorName,
      floor: floor.deliveriesPerSecond,
    },
    {
      name: `${name}: memory of the server`,
      unit: "MB",
      value: xs.rssAnonMB,
      floorName,
      floor: floor.rssAnonMB,
    },
  ];
}
