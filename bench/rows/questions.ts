import { CAUSES, EFFECTS, FRAMES_WITH, TOPICS } from "../floors/queries.ts";
import { compile, job, type Server, serveStore, XS } from "../processes.ts";
import { makeSearchIndex, type QuestionStore } from "../question-store.ts";
import type { Group, Setup } from "../setup.ts";
import { inTurn } from "../statistics.ts";
import type { Row } from "../table.ts";
import { appends } from "./append.ts";
import { asAddress, runMs } from "./start.ts";

/** A question to a server, and the query with which SQLite alone finds the same rows. */
interface Question {
  readonly name: string;
  readonly path: string;
  readonly sql: string;
  readonly param?: string;
  /** The file that the query reads beside "other", if that is not the database. */
  readonly index?: boolean;
  readonly times: number;
}

export const search: Group = {
  name: "search",
  async run(setup) {
    const store = await setup.questions();
    const server = await serveStore(store.directory);
    const database = `${store.directory}/events.db`;
    const searcher = await compile("bench/floors/search.ts", setup.fresh());
    const rows: Row[] = [];
    for (const word of ["rare", "common"]) {
      const name = `search for a ${word} word, 20 hits`;
      const path = `/-/search?q=${word}&limit=20`;
      const asked = { name, path, sql: FRAMES_WITH, param: word, index: true, times: 200 };
      rows.push(await row(setup, server, store, asked));
      const [value, floor] = await inTurn(
        setup.count(30),
        () => runLocal([XS, "search", "-s", asAddress(store.directory), "--limit", "20", word]),
        () => runLocal([searcher, `${store.directory}/search.db`, database, word]),
      );
      const floorName = "a program with SQLite, compiled";
      rows.push({ name: "the same as a process", unit: "ms", value, floorName, floor, most: 2 });
    }
    await server.stop();
    rows.push(await appendsBesideIndex(setup));
    return rows;
  },
};

export const why: Group = {
  name: "why",
  async run(setup) {
    const store = await setup.questions();
    const server = await serveStore(store.directory);
    const { first, deepest } = store;
    const ask = (asked: Question) => row(setup, server, store, asked);
    const rows = [
      await ask({
        name: "causes of a frame, 100 steps",
        path: `/${deepest}/causes?with-depth`,
        sql: CAUSES,
        param: deepest,
        times: 200,
      }),
      await ask({
        name: `effects of a frame: ${(setup.frames / 100).toLocaleString("en-US")}`,
        path: `/${first}/effects?with-depth`,
        sql: EFFECTS,
        param: first,
        times: 10,
      }),
    ];
    const command = (...words: string[]) => [XS, ...words];
    const address = asAddress(store.directory);
    const [value, floor] = await inTurn(
      setup.count(50),
      () => runLocal(command("why", address, deepest)),
      () => runLocal(command("last", address)),
    );
    await server.stop();
    const name = "`xs why` of that frame as a process";
    return [...rows, { name, unit: "ms", value, floorName: "`xs last`", floor, most: 2 }];
  },
};

export const listing: Group = {
  name: "listing",
  async run(setup) {
    const store = await setup.questions();
    const server = await serveStore(store.directory);
    const asked = { name: "list of 200 topics", path: "/-/topics", sql: TOPICS, times: 100 };
    const rows = [await row(setup, server, store, asked)];
    await server.stop();
    return rows;
  },
};

async function row(
  setup: Setup,
  { unix }: Server,
  { directory }: QuestionStore,
  { name, path, sql, param, index, times }: Question,
): Promise<Row> {
  const database = `${directory}/events.db`;
  const files = index ? { file: `${directory}/search.db`, other: database } : { file: database };
  const params = param === undefined ? [] : [param];
  const counts = new Set<number>();
  const [value, floor] = await inTurn(
    setup.rounds * 3,
    async () => {
      const { lines, seconds } = await job("read", { unix, path, times, warmUp: times });
      counts.add(lines);
      return seconds * 1000;
    },
    async () => {
      const { rows, ms } = await job("query", { ...files, sql, params, times });
      counts.add(rows);
      return ms;
    },
  );
  // Both answer the same.
  if (counts.size > 1) throw new Error(`${name}: ${[...counts].join(" and ")} rows`);
  return { name, unit: "ms", value, floorName: "SQLite's own query", floor, most: 2 };
}

/** Appends to a store with an index of the search, which follows them. */
async function appendsBesideIndex(setup: Setup): Promise<Row> {
  const count = setup.count(50_000);
  const [value, floor] = await inTurn(
    setup.rounds * 3,
    () => appends(setup, 64, count, makeSearchIndex),
    () => appends(setup, 64, count),
  );
  return {
    name: "append, 64 writers, with an index of the search",
    unit: "/s",
    value,
    floorName: "without one",
    floor,
    least: 0.95,
  };
}

function runLocal(command: string[]): Promise<number> {
  return Promise.resolve(runMs(command));
}
