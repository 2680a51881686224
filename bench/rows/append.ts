import { job, serveNothing, serveStore } from "../processes.ts";
import type { Group, Setup } from "../setup.ts";
import { inTurn } from "../statistics.ts";
import type { Row } from "../table.ts";

export const append: Group = {
  name: "append",
  async run(setup) {
    // A disk has bad seconds in which every sync takes long: many short rounds keep them apart.
    const [one, alone] = await inTurn(
      setup.rounds * 5,
      () => appends(setup, 1, setup.count(3000)),
      () => job("sqlite", { file: setup.fresh(), count: setup.count(3000), batch: 1 }),
    );
    const many = setup.count(100_000);
    const [crowd, ok] = await inTurn(
      setup.rounds,
      () => appends(setup, 64, many),
      () => answers(setup, 64, many),
    );
    // Whole batches only, so that a commit more or less does not blur the number.
    const batched = Math.ceil(many / 64) * 64;
    const sqlite = await job("sqlite", { file: setup.fresh(), count: batched, batch: 64 });
    const rows: Row[] = [
      {
        name: "append, 1 writer",
        unit: "/s",
        value: one,
        floorName: "SQLite, one durable commit each",
        floor: alone,
        least: 0.75,
      },
      {
        name: "append, 64 writers",
        unit: "/s",
        value: crowd,
        floorName: '`Bun.serve` that answers "ok", 64 clients',
        floor: ok,
        least: 0.35,
      },
      {
        name: "append, 64 writers",
        unit: "/s",
        value: crowd,
        floorName: "SQLite, 64 frames a commit",
        floor: sqlite,
      },
    ];
    return rows;
  },
};

export const batch: Group = {
  name: "batch",
  async run(setup) {
    const count = setup.count(100);
    const [xs, sqlite] = await inTurn(
      setup.rounds,
      () => batches(setup, count),
      () => job("sqlite", { file: setup.fresh(), count: count * 1000, batch: 1000 }),
    );
    const row: Row = {
      name: "batches of 1,000 frames, one after the other",
      unit: "/s",
      value: xs,
      floorName: "SQLite, 1,000 frames a commit",
      floor: sqlite,
      least: 0.4,
    };
    return [row];
  },
};

/** Frames a second in batches of 1,000, one after the other, to a fresh store. */
export async function batches(setup: Setup, count: number): Promise<number> {
  const server = await serveStore(setup.fresh());
  const perSecond = await job("batch", { unix: server.unix, frames: 1000, count });
  await server.stop();
  return perSecond;
}

/** Appends a second to a fresh store, without content. @param prepare what the store is given first */
export async function appends(
  setup: Setup,
  clients: number,
  count: number,
  prepare?: (unix: string) => Promise<void>,
): Promise<number> {
  const server = await serveStore(setup.fresh());
  const { unix } = server;
  await prepare?.(unix);
  const { perSecond } = await job("post", {
    unix,
    clients,
    count,
    warmUp: Math.min(count, setup.count(5000)),
    content: 0,
  });
  await server.stop();
  return perSecond;
}

async function answers(setup: Setup, clients: number, count: number): Promise<number> {
  const server = await serveNothing(setup.nothing, setup.fresh());
  const input = { unix: server.unix, clients, count, warmUp: setup.count(5000), content: 0 };
  const { perSecond } = await job("post", input);
  await server.stop();
  return perSecond;
}
