import { job, serveNothing, serveStore } from "../processes.ts";
import type { Group, Setup } from "../setup.ts";
import { inTurn } from "../statistics.ts";
import type { Row } from "../table.ts";

export const kv: Group = {
  name: "kv",
  async run(setup) {
    const few = setup.count(3000);
    const many = setup.count(100_000);
    const [one, alone] = await inTurn(
      setup.rounds * 3,
      () => kvRequests(setup, "PUT", 1, few),
      () => job("sqliteKv", { file: setup.fresh(), count: few }),
    );
    const [crowd, ok] = await inTurn(
      setup.rounds,
      () => kvRequests(setup, "PUT", 64, many),
      () => answers(setup, "PUT", many),
    );
    const [gets, okGets] = await inTurn(
      setup.rounds,
      () => kvRequests(setup, "GET", 64, many),
      () => answers(setup, "GET", many),
    );
    const nothing = '`Bun.serve` that answers "ok", 64 clients';
    const rows: Row[] = [
      {
        name: "k/v put, 1 writer",
        unit: "/s",
        value: one,
        floorName: "SQLite, one durable commit each",
        floor: alone,
        least: 0.7,
      },
      {
        name: "k/v put, 64 writers",
        unit: "/s",
        value: crowd,
        floorName: nothing,
        floor: ok,
        least: 0.3,
      },
      {
        name: "k/v get, 64 clients",
        unit: "/s",
        value: gets,
        floorName: nothing,
        floor: okGets,
        least: 0.4,
      },
    ];
    return rows;
  },
};

/** Puts or gets a second, on a fresh store. */
export async function kvRequests(
  setup: Setup,
  method: "GET" | "PUT",
  clients: number,
  count: number,
): Promise<number> {
  const server = await serveStore(setup.fresh());
  const input = { unix: server.unix, method, clients, count, warmUp: setup.count(5000) };
  const { perSecond } = await job("kv", input);
  await server.stop();
  return perSecond;
}

async function answers(setup: Setup, method: "GET" | "PUT", count: number): Promise<number> {
  const server = await serveNothing(setup.nothing, setup.fresh());
  const warmUp = setup.count(5000);
  const { perSecond } = await job("kv", { unix: server.unix, method, clients: 64, count, warmUp });
  await server.stop();
  return perSecond;
}
