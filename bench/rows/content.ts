import { Database } from "bun:sqlite";
import { job, serveStore } from "../processes.ts";
import type { Group, Setup } from "../setup.ts";
import { inTurn, median } from "../statistics.ts";
import type { Row } from "../table.ts";
import { appends } from "./append.ts";

const SIZE = 1024;

export const content: Group = {
  name: "content",
  async run(setup) {
    const few = setup.count(3000);
    const many = setup.count(5000);
    const burst = setup.count(20_000);
    const [one, plain] = await inTurn(
      setup.rounds * 3,
      async () => (await appendContent(setup, 1, few, false)).perSecond,
      () => appends(setup, 1, few),
    );
    const put = await job("content", {
      directory: setup.fresh(),
      count: few,
      size: SIZE,
      parallel: 1,
    });
    const settled: number[] = [];
    const [crowd, puts] = await inTurn(
      setup.rounds,
      async () => {
        const result = await appendContent(setup, 64, many, true);
        settled.push(result.settledPerSecond);
        return result.perSecond;
      },
      () => job("content", { directory: setup.fresh(), count: many, size: SIZE, parallel: 64 }),
    );
    const flood = setup.count(1_000_000);
    const sustained = await appendContent(setup, 64, flood, true);
    const [bursts, bare] = await inTurn(
      setup.rounds,
      async () => (await appendContent(setup, 64, burst, false)).perSecond,
      () => appends(setup, 64, burst),
    );
    const parallel = { unit: "/s", floorName: "`cacache.put`, 64 at a time", floor: puts } as const;
    const rows: Row[] = [
      {
        name: "append of 1 KiB, 1 writer",
        unit: "/s",
        value: one,
        floorName: "`cacache.put`, one by one",
        floor: put,
      },
      {
        name: "append of 1 KiB, 1 writer",
        unit: "/s",
        value: one,
        floorName: "append without content",
        floor: plain,
        least: 0.85,
      },
      { name: "append of 1 KiB, 64 writers", value: crowd, ...parallel, least: 1 },
      {
        name: "the same, until all of it is synced in cacache",
        value: median(settled),
        ...parallel,
      },
      {
        name: `burst of ${burst.toLocaleString("en-US")} of 1 KiB, 64 writers`,
        unit: "/s",
        value: bursts,
        floorName: "as many appends without content",
        floor: bare,
        least: 0.6,
      },
      {
        name: `${flood.toLocaleString("en-US")} of 1 KiB, 64 writers`,
        unit: "/s",
        value: sustained.perSecond,
        floorName: "as many appends without content",
        floor: bare,
      },
      {
        name: "the same, until all of it is synced in cacache",
        unit: "/s",
        value: sustained.settledPerSecond,
        floorName: "`cacache.put`, 64 at a time",
        floor: puts,
      },
    ];
    return rows;
  },
};

/** Appends 1 KiB each to a fresh store; may wait until the background has moved all into cacache. */
export async function appendContent(
  setup: Setup,
  clients: number,
  count: number,
  settle: boolean,
): Promise<{ perSecond: number; settledPerSecond: number }> {
  const directory = setup.fresh();
  const server = await serveStore(directory);
  const { perSecond } = await job("post", {
    unix: server.unix,
    clients,
    count,
    warmUp: setup.count(2000),
    content: SIZE,
  });
  const ended = performance.now();
  if (settle) await settled(directory);
  const seconds = count / perSecond + (performance.now() - ended) / 1000;
  await server.stop();
  return { perSecond, settledPerSecond: count / seconds };
}

/** Waits until all content of a store is in files. */
export async function settled(directory: string): Promise<void> {
  const db = new Database(`${directory}/events.db`, { readonly: true });
  const staged = db.query("SELECT 1 FROM staged LIMIT 1");
  while (staged.get()) await Bun.sleep(10);
  db.close();
}
