import { job, serveStore } from "../processes.ts";
import type { Group, Setup } from "../setup.ts";
import { inTurn } from "../statistics.ts";
import { FEW } from "../stores.ts";
import type { Row } from "../table.ts";

export const replay: Group = {
  name: "replay",
  async run(setup) {
    const directory = await setup.store("all");
    const server = await serveStore(directory);
    const xs = await job("read", { unix: server.unix, path: "/", times: 5, warmUp: 1 });
    await server.stop();
    const command = ["sqlite3", `${directory}/events.db`, "select line from frames"];
    const shell = await job("pipe", { command, times: 5, warmUp: 1 });
    // One frame of its own start may have come after the read, one of its stop has.
    if (xs.lines < setup.frames || xs.lines > shell.lines) {
      throw new Error(`replayed ${xs.lines} frames of ${shell.lines}`);
    }
    const row: Row = {
      name: `replay of ${setup.frames.toLocaleString("en-US")} frames`,
      unit: "/s",
      value: xs.lines / xs.seconds,
      floorName: "`sqlite3` that prints the frames to a pipe",
      floor: shell.lines / shell.seconds,
      least: 0.4,
    };
    return [row];
  },
};

export const topics: Group = {
  name: "topics",
  async run(setup) {
    return [await few(setup, "rare", "rare"), await few(setup, "a.*", "a")];
  },
};

/** Reads of a topic that few frames of the large store match. */
async function few(setup: Setup, topic: string, mix: "rare" | "a"): Promise<Row> {
  const large = await serveStore(await setup.store("all"));
  const small = await serveStore(await setup.store(mix));
  const readsPerSecond = async (unix: string) => {
    const path = `/?topic=${topic}`;
    const times = setup.count(3000);
    const { lines, seconds } = await job("read", { unix, path, times, warmUp: setup.count(1000) });
    if (lines !== FEW) throw new Error(`${topic} gave ${lines} frames`);
    return 1 / seconds;
  };
  const [value, floor] = await inTurn(
    setup.rounds,
    () => readsPerSecond(large.unix),
    () => readsPerSecond(small.unix),
  );
  await large.stop();
  await small.stop();
  return {
    name: `reads of \`${topic}\`: ${FEW} of ${setup.frames.toLocaleString("en-US")} frames`,
    unit: "/s",
    value,
    floorName: `the same ${FEW} alone in a store`,
    floor,
    least: 0.5,
  };
}
