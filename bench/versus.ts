import { job, measureWith, serveStore, XS } from "./processes.ts";
import { appends, batches } from "./rows/append.ts";
import { appendContent } from "./rows/content.ts";
import { emitted, foldSeconds } from "./rows/processors.ts";
import type { Setup } from "./setup.ts";
import { inTurn } from "./statistics.ts";
import { makeStore } from "./stores.ts";
import type { Row } from "./table.ts";

/** How often the two binaries take turns. */
const TURNS = 5;
/** What a change may cost. */
const LEAST = 0.97;

/** What is compared: each measures in a store that the binary itself has made. */
const MEASURES: Readonly<Record<string, (setup: Setup, store: string) => Promise<number>>> = {
  append1: (setup) => appends(setup, 1, setup.count(6000)),
  append64: (setup) => appends(setup, 64, setup.count(100_000)),
  content64: async (setup) =>
    (await appendContent(setup, 64, setup.count(30_000), false)).perSecond,
  batch: (setup) => batches(setup, setup.count(200)),
  replay: async (_, store) => {
    const server = await serveStore(store);
    const { lines, seconds } = await job("read", {
      unix: server.unix,
      path: "/",
      times: 5,
      warmUp: 1,
    });
    await server.stop();
    return lines / seconds;
  },
  fold: async (setup, store) => {
    const server = await serveStore(store);
    const seconds = await foldSeconds(server, setup.frames);
    await server.stop();
    return setup.frames / seconds;
  },
  emit: (setup) => emitted(setup, setup.count(200_000)),
};

/** Measures dist/xs and another binary of xs in turn; the other is the floor. */
export async function compareWith(
  setup: Setup,
  other: string,
  names = Object.keys(MEASURES),
): Promise<Row[]> {
  const large = (binary: string) =>
    measureWith(binary, () => makeStore(setup.fresh(), setup.frames, "all"));
  const needsStore = names.some((name) => name === "replay" || name === "fold");
  const ours = needsStore ? await large(XS) : "";
  const theirs = needsStore ? await large(other) : "";
  const rows: Row[] = [];
  for (const name of names) {
    const measure = MEASURES[name];
    if (!measure) throw new Error(`no ${name}: there is ${Object.keys(MEASURES).join(", ")}`);
    const [value, floor] = await inTurn(
      TURNS,
      () => measureWith(XS, () => measure(setup, ours)),
      () => measureWith(other, () => measure(setup, theirs)),
    );
    const row: Row = { name, unit: "/s", value, floorName: other, floor, least: LEAST };
    console.error(`${name}: ${(value / floor).toFixed(3)}`);
    rows.push(row);
  }
  return rows;
}
