import { job, serveStore } from "./processes.ts";
import { appends, batches } from "./rows/append.ts";
import { appendContent } from "./rows/content.ts";
import { bytesPerFrame, fillTopics } from "./rows/fill.ts";
import { kvRequests } from "./rows/kv.ts";
import { nodeMeasures } from "./rows/nodes.ts";
import { emitted, foldSeconds } from "./rows/processors.ts";
import {
  frameRequests,
  lastRequests,
  makeTopicStore,
  narrowRead,
  openMs,
  topicRead,
  wideRead,
} from "./rows/topics.ts";
import type { Setup } from "./setup.ts";
import { makeStore } from "./stores.ts";
import type { Row } from "./table.ts";

/** What a comparison is given. */
export interface VersusSetup extends Setup {
  /** How many frames `fill` appends. */
  readonly fill: number;
}

/** A number that the measured binary reached. */
export type Reading = Pick<Row, "name" | "unit" | "value">;

/** What two binaries are compared by, under the name that `--only` takes. */
export interface Measure {
  /** The store that it reads, which the measured binary has made. */
  readonly store?: keyof typeof STORES;
  /** How often the binaries take turns, if not as often as usual. */
  readonly turns?: number;
  /** Always the same readings in the same order. */
  run(setup: VersusSetup, store: string): Promise<Reading[]>;
}

/** The stores that measures share; each is made with the binary that is being measured. */
export const STORES = {
  large: (setup: Setup) => makeStore(setup.fresh(), setup.frames, "all"),
  topics: makeTopicStore,
};

const perSecond = (name: string, value: number): Reading => ({ name, unit: "/s", value });

export const MEASURES: Readonly<Record<string, Measure>> = {
  append1: {
    run: async (setup) => [perSecond("append1", await appends(setup, 1, setup.count(6000)))],
  },
  append64: {
    run: async (setup) => [perSecond("append64", await appends(setup, 64, setup.count(100_000)))],
  },
  content64: {
    async run(setup) {
      const result = await appendContent(setup, 64, setup.count(30_000), false);
      return [perSecond("content64", result.perSecond)];
    },
  },
  batch: {
    run: async (setup) => [perSecond("batch", await batches(setup, setup.count(200)))],
  },
  replay: {
    store: "large",
    async run(_, store) {
      const server = await serveStore(store);
      const input = { unix: server.unix, path: "/", times: 5, warmUp: 1 };
      const { lines, seconds } = await job("read", input);
      await server.stop();
      return [perSecond("replay", lines / seconds)];
    },
  },
  fold: {
    store: "large",
    async run(setup, store) {
      const server = await serveStore(store);
      const seconds = await foldSeconds(server, setup.frames);
      await server.stop();
      return [perSecond("fold", setup.frames / seconds)];
    },
  },
  emit: {
    run: async (setup) => [perSecond("emit", await emitted(setup, setup.count(200_000)))],
  },
  topic: {
    store: "topics",
    run: async (setup, store) => [perSecond("topic: one of 100", await topicRead(setup, store))],
  },
  pattern: {
    store: "topics",
    run: async (setup, store) => [
      perSecond("pattern: `t.*`, all", await wideRead(setup, store)),
      perSecond("pattern: `t.1.*,t.2.*`, 2 of 100", await narrowRead(setup, store)),
    ],
  },
  last: {
    store: "topics",
    run: async (setup, store) => [perSecond("last", await lastRequests(setup, store))],
  },
  get: {
    store: "topics",
    run: async (setup, store) => [perSecond("get", await frameRequests(setup, store))],
  },
  open: {
    store: "topics",
    run: async (setup, store) => [{ name: "open", unit: "ms", value: openMs(setup, store) }],
  },
  kv: {
    run: async (setup) => [
      perSecond("kv: put", await kvRequests(setup, "PUT", 64, setup.count(100_000))),
      perSecond("kv: get", await kvRequests(setup, "GET", 64, setup.count(100_000))),
    ],
  },
  size: {
    run: async (setup) => [
      { name: "size: a frame, flat topic", unit: "B", value: await bytesPerFrame(setup, 0) },
      { name: "size: a frame, three levels", unit: "B", value: await bytesPerFrame(setup, 100) },
    ],
  },
  fill: {
    turns: 2,
    async run(setup) {
      const result = await fillTopics(setup, setup.fill);
      const frames = setup.fill.toLocaleString("en-US");
      return [
        perSecond(`fill: ${frames} frames`, result.perSecond),
        { name: "fill: last tenth to first", unit: "%", value: result.lastToFirst * 100 },
      ];
    },
  },
  ...Object.fromEntries(
    [...nodeMeasures].map(([name, run]): [string, Measure] => [
      name,
      { run: async (setup) => (await run(setup)).map((value) => perSecond(name, value)) },
    ]),
  ),
};
