import { job, serveStore } from "../processes.ts";
import type { Group } from "../setup.ts";
import { inTurn } from "../statistics.ts";
import type { Row } from "../table.ts";
import { settled } from "./content.ts";

export const exportRow: Group = {
  name: "export",
  async run(setup) {
    const frames = setup.count(100_000);
    const directory = setup.fresh();
    await fill(directory, frames);
    const server = await serveStore(directory);
    const command = ["tar", "-cf", "-", "-C", `${directory}/cacache`, "content-v2"];
    const [xs, tar] = await inTurn(
      setup.rounds,
      async () => {
        const read = await job("read", { unix: server.unix, path: "/export", times: 1, warmUp: 1 });
        return frames / read.seconds;
      },
      async () => frames / (await job("pipe", { command, times: 1, warmUp: 1 })).seconds,
    );
    await server.stop();
    const row: Row = {
      name: `export of ${frames.toLocaleString("en-US")} frames with 1 KiB each`,
      unit: "/s",
      value: xs,
      floorName: "`tar` of the same content files",
      floor: tar,
      least: 0.3,
    };
    return [row];
  },
};

/** Makes a store of frames with content, all of it in files. */
async function fill(directory: string, frames: number): Promise<void> {
  const server = await serveStore(directory);
  const load = { unix: server.unix, clients: 64, count: frames, warmUp: 0, content: 1024 };
  await job("post", load);
  await settled(directory);
  await server.stop();
}
